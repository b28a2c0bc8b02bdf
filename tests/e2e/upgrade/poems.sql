PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE attempts (
    id         INTEGER PRIMARY KEY,
    job        INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run        INTEGER NOT NULL,
    worker     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    started_at REAL NOT NULL,
    seconds    REAL NOT NULL,
    outcome    TEXT NOT NULL,
    tokens_in  INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    money      INTEGER NOT NULL DEFAULT 0,
    facts      TEXT NOT NULL DEFAULT '{}',  -- exit status, CPU, memory, what it printed, …
    CONSTRAINT outcome_is_known CHECK (outcome IN ('done', 'failed', 'again', 'uncertain'))
) STRICT;
CREATE TABLE counters (
    phase INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    class TEXT NOT NULL,
    n     INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (phase, kind, class)
) STRICT, WITHOUT ROWID;
INSERT INTO "counters" VALUES(0,'embed','done',1);
INSERT INTO "counters" VALUES(0,'embed','open',0);
INSERT INTO "counters" VALUES(1,'space','done',1);
INSERT INTO "counters" VALUES(1,'space','open',0);
INSERT INTO "counters" VALUES(2,'gram','done',1);
INSERT INTO "counters" VALUES(2,'gram','open',0);
INSERT INTO "counters" VALUES(3,'entry','done',1);
INSERT INTO "counters" VALUES(3,'entry','open',0);
INSERT INTO "counters" VALUES(3,'rank-different','done',1);
INSERT INTO "counters" VALUES(3,'rank-different','open',0);
INSERT INTO "counters" VALUES(3,'rank-similar','done',1);
INSERT INTO "counters" VALUES(3,'rank-similar','open',0);
INSERT INTO "counters" VALUES(4,'chronological','done',2);
INSERT INTO "counters" VALUES(4,'chronological','open',0);
INSERT INTO "counters" VALUES(4,'different','done',4);
INSERT INTO "counters" VALUES(4,'different','open',0);
INSERT INTO "counters" VALUES(4,'front','done',8);
INSERT INTO "counters" VALUES(4,'front','open',0);
INSERT INTO "counters" VALUES(4,'similar','done',4);
INSERT INTO "counters" VALUES(4,'similar','open',0);
INSERT INTO "counters" VALUES(4,'word','done',1);
INSERT INTO "counters" VALUES(4,'word','open',0);
CREATE TABLE documents (
    identity    TEXT PRIMARY KEY,
    position    INTEGER NOT NULL UNIQUE,
    chronology  INTEGER NOT NULL UNIQUE,
    category    TEXT NOT NULL,
    id          TEXT NOT NULL,
    slug        TEXT NOT NULL UNIQUE,
    label       TEXT NOT NULL,
    title       TEXT NOT NULL,
    author      TEXT NOT NULL,
    source      TEXT NOT NULL,
    date        TEXT,
    content     TEXT NOT NULL,
    digest      TEXT NOT NULL,
    text_digest TEXT NOT NULL
, extra TEXT NOT NULL DEFAULT '{}') STRICT;
INSERT INTO "documents" VALUES('law/1',0,0,'law','1','law/1','The statute sleeps in its drawer, a folded river.','','','','2024-01-02T00:00:00','The statute sleeps in its drawer, a folded river.','c7e6cb1fef07209586a92fc3477bbcf9','ccd07e4aa158b5ac841fb4f7a6a78de7','{}');
INSERT INTO "documents" VALUES('law/2',1,1,'law','2','law/2','A clause walked out into the rain and came back a promise.','','','','2024-01-03T00:00:00','A clause walked out into the rain and came back a promise.','ab62391fe01e1f43299e397fb5f8f7a4','95c41eaf587928846bed531509c8295e','{}');
INSERT INTO "documents" VALUES('sea/1',2,2,'sea','1','sea/1','Salt on the sill, salt on the letter, the boat not yet in.','','','','2024-02-01T00:00:00','Salt on the sill, salt on the letter, the boat not yet in.','36e5007f56b6c3db72b5130ac9e45444','b3c1bbac6d3f30c9aee9ca1d85cae40b','{}');
INSERT INTO "documents" VALUES('sea/2',3,3,'sea','2','sea/2','Every wave signs its name and is struck out.','','','',NULL,'Every wave signs its name and is struck out.','255dea0efec1dc3f173acfaa53c1c429','ddafc796d7c35d9faa56bb75b98479d8','{}');
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('boot','96456833-e1df-4c4f-8c98-bb7f6298156e');
INSERT INTO "facts" VALUES('notes','[]');
INSERT INTO "facts" VALUES('plan','{"corpus": "84ac15d8c4ff960cc900800302c8b53a", "documents": 4, "dated": 3, "depth": 3, "words": [["salt", 2, 5]], "artefacts": {"embed": "9cc433a9178a111b617ea9a082fc0009", "space": "af7b578c79e95c9724160200720b016c", "gram": "fbe3685d8d4b9d641c054ba1e28e761b", "entry": "d0fc10a93f5f87a70b394f0a17726ff8", "rank-different": "1644de3232c4e05e6bd45d992f3fad1b", "rank-similar": "eeaaec1d1aaac17132d7634b3c827867"}, "job_bytes": {"gram": 64, "different": 1506, "similar": 1506}, "kinds": {"embed": "worker.kinds.embed", "space": "worker.kinds.space", "gram": "worker.kinds.gram", "entry": "worker.kinds.entry", "rank-different": "worker.kinds.rank_different", "rank-similar": "worker.kinds.rank_similar", "chronological": "worker.kinds.chronological", "different": "worker.kinds.different", "front": "worker.kinds.front", "similar": "worker.kinds.similar", "word": "worker.kinds.word"}, "settings": "# Settings of this Ledger project. After an edit: `ledger init && ledger spawn`.\n\n[site]\nkind = \"poems\"\ntitle = \"V4p\"\nlanguage = \"en\"\noutput = \"site\"                # the pages go here\n\n[corpus]\npath = \"poems.json\"\nexclude = []                   # identities to leave out, such as \"letters/12\"\n\n[pages]\ndepth = 200                    # how many documents a ranking lists, or \"all\"\nper_page = 200                 # how many of them are on one page, or \"all\"\n\n[embedding]\nembedder = \"wordllama\"         # wordllama, minilm, openai, ollama or npy: see docs/embedding.md\n\n[words]\ncount = 150                    # words in the cloud\nmin_length = 4\n\n[themes]                       # every document is coloured by the nearest of these\nlove = \"love heart beloved tenderness desire\"\nsorrow = \"sorrow grief tears mourning loss\"\nnature = \"tree river mountain flower rain wind\"\njourney = \"road journey travel ship distance way\"\nhome = \"house home bread table family child\"\nbattle = \"war battle sword enemy king army\"\nspirit = \"god spirit prayer soul holy heaven\"\ntime = \"time year morning night memory age\"\n", "sources": {"corpus": "f30005136c44905ccceb7b8b952aeed9", "templates": "50673133fff7daa4da6df4e6239fa093", "program": "212215319c6a92a294185aff942abcb1"}, "per_page": 4, "homes": ["site"]}');
CREATE TABLE failures (
    id      INTEGER PRIMARY KEY,
    job     INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run     INTEGER NOT NULL REFERENCES runs (id),
    worker  INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at      REAL NOT NULL,
    what    TEXT NOT NULL,
    context TEXT NOT NULL,
    remedy  TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    phase        INTEGER NOT NULL,
    priority     INTEGER NOT NULL DEFAULT 0,
    position     INTEGER,
    state        TEXT NOT NULL DEFAULT 'pending',
    fingerprint  TEXT NOT NULL,
    payload      TEXT NOT NULL DEFAULT '{}',
    attempts     INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    not_before   REAL NOT NULL DEFAULT 0,
    lease        INTEGER REFERENCES leases (token),
    seconds      REAL,  -- of the last attempt; jobs settled together share their mean
    settled_at   REAL,
    -- what the counters tell apart: a job that is claimed is still open
    class        TEXT NOT NULL GENERATED ALWAYS AS
                 (CASE WHEN state IN ('pending', 'running') THEN 'open' ELSE state END) VIRTUAL, run INTEGER, tokens_in INTEGER NOT NULL DEFAULT 0, tokens_out INTEGER NOT NULL DEFAULT 0, uncertain INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT one_job_per_kind_and_key UNIQUE (kind, key),
    CONSTRAINT state_is_known CHECK (state IN ('pending', 'held', 'running', 'done', 'failed')),
    CONSTRAINT running_under_a_lease CHECK ((state = 'running') = (lease IS NOT NULL)),
    CONSTRAINT attempts_are_bounded CHECK (attempts BETWEEN 0 AND max_attempts)
) STRICT;
INSERT INTO "jobs" VALUES(1,'embed','9cc433a9178a111b617ea9a082fc0009/f164360ffe6f0f2d',0,0,NULL,'done','53d33d7a73acf97673a609d1433e609b','{"texts":[["law/1","ccd07e4aa158b5ac841fb4f7a6a78de7"],["law/2","95c41eaf587928846bed531509c8295e"],["sea/1","b3c1bbac6d3f30c9aee9ca1d85cae40b"],["sea/2","ddafc796d7c35d9faa56bb75b98479d8"],["word:salt","1684d70dc11367f5cbdaafb47bacdf51"],["theme:love","8957955b42e6db5cd11db50b2e4dab42"],["theme:sorrow","bc523e5db121241cf106d4c4a5bfba08"],["theme:nature","0611ce0e3848cee03c2cabfefeeb41d4"],["theme:journey","98f496ce35d54e9752e577e94083314b"],["theme:home","2acf319683108940a358bd47262ebddb"],["theme:battle","9e7e17f478a36195f336fcb02a5fc41e"],["theme:spirit","3bb19a87c31dbf4acb1d00f7001d3d43"],["theme:time","38754422b354e88f86367174a3e8d899"]]}',1,3,0.0,NULL,1.33942686399996091495e+00,1.79527887391557049753e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(2,'space','all',1,0,NULL,'done','af7b578c79e95c9724160200720b016c','{"centre":true,"digests":{"word:salt":"1684d70dc11367f5cbdaafb47bacdf51","theme:love":"8957955b42e6db5cd11db50b2e4dab42","theme:sorrow":"bc523e5db121241cf106d4c4a5bfba08","theme:nature":"0611ce0e3848cee03c2cabfefeeb41d4","theme:journey":"98f496ce35d54e9752e577e94083314b","theme:home":"2acf319683108940a358bd47262ebddb","theme:battle":"9e7e17f478a36195f336fcb02a5fc41e","theme:spirit":"3bb19a87c31dbf4acb1d00f7001d3d43","theme:time":"38754422b354e88f86367174a3e8d899"}}',1,3,0.0,NULL,2.04949779999878956004e-02,1.7952788739381892681e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(3,'gram','00000',2,0,NULL,'done','fbe3685d8d4b9d641c054ba1e28e761b','{"first":0,"last":4}',1,3,0.0,NULL,1.48007999996480066329e-03,1.79527887395721292502e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(4,'entry','00000',3,0,NULL,'done','d0fc10a93f5f87a70b394f0a17726ff8','{"first":0,"last":4}',1,3,0.0,NULL,1.30132152499982112203e-01,1.79527887422030782696e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(5,'rank-different','00000',3,0,0,'done','1644de3232c4e05e6bd45d992f3fad1b','{"first":0,"last":4,"depth":3,"space":"fbe3685d8d4b9d641c054ba1e28e761b"}',1,3,0.0,NULL,1.30132152499982112203e-01,1.79527887422030782696e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(6,'rank-similar','00000',3,0,0,'done','eeaaec1d1aaac17132d7634b3c827867','{"first":0,"last":4,"depth":3,"space":"af7b578c79e95c9724160200720b016c"}',1,3,0.0,NULL,8.45915999889257363975e-04,1.79527887422287464134e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(7,'chronological','dated/0001',4,0,NULL,'done','780606cbd9e633fdfa0cc74045a549d4','{"section":"dated","page":1,"pages":1}',1,3,0.0,NULL,3.03151062999859277624e-01,1795278874.54065,1,0,0,0);
INSERT INTO "jobs" VALUES(8,'chronological','undated/0001',4,0,NULL,'done','780606cbd9e633fdfa0cc74045a549d4','{"section":"undated","page":1,"pages":1}',1,3,0.0,NULL,8.85263000327540794387e-04,1.79527887454532194136e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(9,'different','law/1',4,0,0,'done','2eb7cb663d34dbb161e0ae5e67178f4f','{}',1,3,0.0,NULL,0.0492069110000557,1.79527887474378752708e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(10,'different','law/2',4,0,1,'done','2eb7cb663d34dbb161e0ae5e67178f4f','{}',1,3,0.0,NULL,0.0492069110000557,1.79527887474378752708e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(11,'different','sea/1',4,0,2,'done','2eb7cb663d34dbb161e0ae5e67178f4f','{}',1,3,0.0,NULL,0.0492069110000557,1.79527887474378752708e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(12,'different','sea/2',4,0,3,'done','2eb7cb663d34dbb161e0ae5e67178f4f','{}',1,3,0.0,NULL,0.0492069110000557,1.79527887474378752708e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(13,'front','home',4,-1,NULL,'done','c371de0ff0172f4488ef972009b6f05d','{"categories":{"law":2,"sea":2}}',1,3,0.0,NULL,9.67306716668948213255e-02,1.79527887534857273103e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(14,'front','chronological',4,-1,NULL,'done','12a1f3defb429a2d7fc9b0664e7c4c25','{"categories":{"law":2,"sea":2}}',1,3,0.0,NULL,9.67306716668948213255e-02,1.79527887534857273103e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(15,'front','documents',4,-1,NULL,'done','1ea09abf81f20d3ed57755393f2e4493','{"categories":{"law":2,"sea":2}}',1,3,0.0,NULL,6.27614309998989483574e-02,1.79527887549126625053e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(16,'front','words',4,-1,NULL,'done','8d32e49d9d85b897198ce51a9a2d4f78','{"categories":{"law":2,"sea":2}}',1,3,0.0,NULL,6.27614309998989483574e-02,1.79527887549126625053e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(17,'front','404',4,-1,NULL,'done','8eef108e4548eaf374d2d7a2388c2a0c','{"categories":{"law":2,"sea":2}}',1,3,0.0,NULL,1.6613049997431517113e-03,1.79527887549394297604e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(18,'front','style',4,0,NULL,'done','9e5a018ccd9109f49b86e83233d22d0f','{}',1,3,0.0,NULL,6.50222355000096285948e-02,1.7952788750322623253e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(19,'front','law/0001',4,0,NULL,'done','d57bd3b7e46e392f78a37b1a233fa060','{"category":"law","page":1,"pages":1}',1,3,0.0,NULL,6.50222355000096285948e-02,1.7952788750322623253e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(20,'front','sea/0001',4,0,NULL,'done','d57bd3b7e46e392f78a37b1a233fa060','{"category":"sea","page":1,"pages":1}',1,3,0.0,NULL,6.50222355000096285948e-02,1.7952788750322623253e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(21,'similar','law/1',4,0,0,'done','4de1cb61d4131166f66cfb6c3a65da11','{}',1,3,0.0,NULL,6.50222355000096285948e-02,1.7952788750322623253e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(22,'similar','law/2',4,0,1,'done','4de1cb61d4131166f66cfb6c3a65da11','{}',1,3,0.0,NULL,7.79283433333451559105e-03,1.79527887505680394178e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(23,'similar','sea/1',4,0,2,'done','4de1cb61d4131166f66cfb6c3a65da11','{}',1,3,0.0,NULL,7.79283433333451559105e-03,1.79527887505680394178e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(24,'similar','sea/2',4,0,3,'done','4de1cb61d4131166f66cfb6c3a65da11','{}',1,3,0.0,NULL,7.79283433333451559105e-03,1.79527887505680394178e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(25,'word','salt',4,0,NULL,'done','522afd0a3fce67a3f6dcb31aab655704','{"index":0}',1,3,0.0,NULL,9.67306716668948213255e-02,1.79527887534857273103e+09,1,0,0,0);
CREATE TABLE leases (
    token   INTEGER PRIMARY KEY AUTOINCREMENT,
    worker  INTEGER NOT NULL REFERENCES workers (id),
    expires REAL NOT NULL
) STRICT;
CREATE TABLE leftovers (
    path TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE outputs (
    path   TEXT PRIMARY KEY,
    job    INTEGER NOT NULL REFERENCES jobs (id),
    bytes  INTEGER,
    digest TEXT,
    inputs TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO "outputs" VALUES('.ledger/artefacts/entry/d0fc10a93f5f87a70b394f0a17726ff8/00000.html',4,1410,'2f28369e6935bdec2dc2eb38012d49f2','d0fc10a93f5f87a70b394f0a17726ff8');
INSERT INTO "outputs" VALUES('.ledger/artefacts/entry/d0fc10a93f5f87a70b394f0a17726ff8/00000.npy',4,224,'333d7ba51b7ce2c3ec2a8955852b2a1d','d0fc10a93f5f87a70b394f0a17726ff8');
INSERT INTO "outputs" VALUES('.ledger/artefacts/gram/fbe3685d8d4b9d641c054ba1e28e761b/00000.npy',3,192,'1980036505c6a839a06f80f46397983f','fbe3685d8d4b9d641c054ba1e28e761b');
INSERT INTO "outputs" VALUES('.ledger/artefacts/rank-different/1644de3232c4e05e6bd45d992f3fad1b/00000.npy',5,176,'d08a379bb318e00c6afa1176e406e185','1644de3232c4e05e6bd45d992f3fad1b');
INSERT INTO "outputs" VALUES('.ledger/artefacts/rank-similar/eeaaec1d1aaac17132d7634b3c827867/00000.npy',6,176,'19e296da6f1a57cd24b13bee56e8a566','eeaaec1d1aaac17132d7634b3c827867');
INSERT INTO "outputs" VALUES('.ledger/artefacts/space/af7b578c79e95c9724160200720b016c/themes.npy',2,136,'139097e735b1e212532c9b8e4a949933','af7b578c79e95c9724160200720b016c');
INSERT INTO "outputs" VALUES('.ledger/artefacts/space/af7b578c79e95c9724160200720b016c/vectors.npy',2,4224,'3f26ab96452ef29984d390000d62dc3d','af7b578c79e95c9724160200720b016c');
INSERT INTO "outputs" VALUES('.ledger/artefacts/space/af7b578c79e95c9724160200720b016c/words.npy',2,1152,'925870c19f4a00cb6ca1387d28849a7a','af7b578c79e95c9724160200720b016c');
INSERT INTO "outputs" VALUES('.ledger/vectors/9cc433a9178a111b617ea9a082fc0009/f164360ffe6f0f2d.npz',1,14488,'cec63e619f2dc8b5b32d3cb4a677aef2','53d33d7a73acf97673a609d1433e609b');
INSERT INTO "outputs" VALUES('site/404.html',17,889,'94721eaf72691134c05f8eac5b2a7839','f5c1485647aa299833d2f1aa4e4350aa');
INSERT INTO "outputs" VALUES('site/chronological/dated/0001.html',7,2019,'5d9e3cd83e8ca745679bd1b9e65ec7ec','0c57b92b663bdb1841bf17a2796ddd09');
INSERT INTO "outputs" VALUES('site/chronological/index.html',14,1261,'ba90002cc492ceae921c0b4fb80f6ed5','fe4b20089ae7233c41359e318e144893');
INSERT INTO "outputs" VALUES('site/chronological/undated/0001.html',8,1108,'6265e29b7d5f85bb57eec367cac34d7a','a80da491643cd77f875079cbb6437262');
INSERT INTO "outputs" VALUES('site/different/law/1.html',9,2745,'6be9bdd7920ca6458d5593ee2f57a923','cba155e5e660e24fa7911ed759449bc0');
INSERT INTO "outputs" VALUES('site/different/law/2.html',10,2885,'cc33358743db670b8ed7d0ce59247a8b','579448b24e4914214486f3f707ed6ba0');
INSERT INTO "outputs" VALUES('site/different/sea/1.html',11,2880,'4bfdf8dc8fd904e6c366205e1364c275','5b40f0d7a491c1835f9cc7e812cb21a6');
INSERT INTO "outputs" VALUES('site/different/sea/2.html',12,2735,'da30bc570700ae1c61294b576725d4cf','5c1c46b20d01e4741658d658b8e2e60e');
INSERT INTO "outputs" VALUES('site/documents/index.html',15,1332,'e9ae2ddff528373aac2845a3a41fec8d','80339785d2af6af80525fcceea7012b4');
INSERT INTO "outputs" VALUES('site/documents/law/0001.html',19,1335,'619b631c5ea7238a13ea0c5b11f01617','32d01668e9003ba0b9aa4e796d881e3c');
INSERT INTO "outputs" VALUES('site/documents/sea/0001.html',20,1294,'202b39be4a0f51d74364f859d227719b','4de7d2bc420ab2c4cecff3378027cbde');
INSERT INTO "outputs" VALUES('site/index.html',13,3116,'7f8b14bd0a2093ff1ee44cc9c95250a4','dab6d238e364abf6657a7e5c2fb55c52');
INSERT INTO "outputs" VALUES('site/similar/law/1.html',21,2701,'f3a818ef0523599890c9a4ed714c0e84','11a0d138be50d132afe641fde94565ec');
INSERT INTO "outputs" VALUES('site/similar/law/2.html',22,2839,'4dab2ea88ae63a72a3e529dda5f02ecb','bfca512f31602f749696107573b4e5d0');
INSERT INTO "outputs" VALUES('site/similar/sea/1.html',23,2834,'435b139fec8e0132b482b23831ccc593','7c6001e1b055e31459e354972f6384e3');
INSERT INTO "outputs" VALUES('site/similar/sea/2.html',24,2691,'9ef7508a35a0f7b5a0d92e1451dd49b9','bf98c22766e8c7f3d8c5aa8a1756165d');
INSERT INTO "outputs" VALUES('site/style.css',18,7888,'95825983520a44d26db3035914d7096b','95825983520a44d26db3035914d7096b');
INSERT INTO "outputs" VALUES('site/words/index.html',16,965,'6b5d47ebbeba795cfe78ce3fe3981eca','ad2c13055d4408e52f016fe4ba39d0fb');
INSERT INTO "outputs" VALUES('site/words/s/salt.html',25,1991,'c45ec5e7440d417a6973def4029e1929','e09fe913418a1ea9bcf93b128abccb51');
CREATE TABLE paces (
    id         INTEGER PRIMARY KEY,
    queue      INTEGER NOT NULL REFERENCES queues (phase) ON DELETE CASCADE,
    at         REAL NOT NULL,
    per_second REAL NOT NULL,
    why        TEXT NOT NULL
) STRICT;
CREATE TABLE queues (
    phase           INTEGER PRIMARY KEY,  -- that of its jobs; those below 1000 are the site's
    name            TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    module          TEXT NOT NULL,        -- of the kind
    recipe          TEXT NOT NULL,        -- what all its jobs share, as JSON
    after           TEXT NOT NULL DEFAULT '[]',  -- the names of the queues that come first
    policy          TEXT NOT NULL DEFAULT 'retry',  -- for a job nobody knows the end of
    paused          INTEGER NOT NULL DEFAULT 0,
    concurrency     INTEGER,              -- how many at once; NULL: as many as there are workers
    -- the rate: a GCRA bucket. `due` is its theoretical arrival time.
    interval        REAL,                 -- seconds between two starts; NULL: no limit
    burst           INTEGER NOT NULL DEFAULT 1,
    due             REAL NOT NULL DEFAULT 0,
    resume_at       REAL NOT NULL DEFAULT 0,  -- nothing starts before: the other side said so
    adaptive        INTEGER NOT NULL DEFAULT 0,
    pace            REAL NOT NULL DEFAULT 1,  -- of the rate, what is used of it at present
    slowed_at       REAL NOT NULL DEFAULT 0,
    -- the budget; what is reserved is the sum over the jobs under a lease
    price_in        INTEGER,              -- of a token of input; NULL: not known
    price_out       INTEGER,
    price_call      INTEGER,
    money_ceiling   INTEGER,
    tokens_ceiling  INTEGER,
    money_spent     INTEGER NOT NULL DEFAULT 0,
    tokens_spent    INTEGER NOT NULL DEFAULT 0,
    exhausted       INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT above_the_site CHECK (phase >= 1000),
    CONSTRAINT policy_is_known CHECK (policy IN ('retry', 'hold')),
    CONSTRAINT limits_are_sensible
        CHECK (burst >= 1 AND (interval IS NULL OR interval > 0)
               AND (concurrency IS NULL OR concurrency >= 1) AND pace > 0 AND pace <= 1)
) STRICT;
CREATE TABLE results (
    job   INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    started_at    REAL NOT NULL,
    ended_at      REAL,
    workers       INTEGER NOT NULL,
    keep_going    INTEGER NOT NULL CHECK (keep_going IN (0, 1)),
    stopping      INTEGER NOT NULL DEFAULT 0 CHECK (stopping IN (0, 1)),
    settled_before INTEGER NOT NULL,
    outcome       TEXT, boot TEXT, hold TEXT, queues TEXT,
    CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
INSERT INTO "runs" VALUES(1,1.79527887042531800274e+09,1.79527887553424787521e+09,1,0,0,0,'done','96456833-e1df-4c4f-8c98-bb7f6298156e',NULL,NULL);
CREATE TABLE workers (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL REFERENCES runs (id),
    number     INTEGER NOT NULL,
    pid        INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at   REAL,
    outcome    TEXT,
    CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
INSERT INTO "workers" VALUES(1,1,1,29996,1.79527887142395114897e+09,1.79527887549442720415e+09,'finished');
CREATE INDEX documents_by_category ON documents (category, chronology);
CREATE INDEX workers_alive ON workers (run) WHERE ended_at IS NULL;
CREATE INDEX leases_by_worker ON leases (worker);
CREATE INDEX jobs_to_claim ON jobs (phase, priority DESC, id) WHERE state = 'pending';
CREATE INDEX jobs_under_lease ON jobs (lease) WHERE lease IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX outputs_by_job ON outputs (job);
CREATE INDEX failures_by_job ON failures (job, id);
CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
    INSERT INTO counters (phase, kind, class, n) VALUES (NEW.phase, NEW.kind, NEW.class, 1)
        ON CONFLICT (phase, kind, class) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
    UPDATE counters SET n = n - 1
        WHERE phase = OLD.phase AND kind = OLD.kind AND class = OLD.class;
END;
CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state, phase ON jobs
    WHEN OLD.class IS NOT NEW.class OR OLD.phase IS NOT NEW.phase
BEGIN
    UPDATE counters SET n = n - 1
        WHERE phase = OLD.phase AND kind = OLD.kind AND class = OLD.class;
    INSERT INTO counters (phase, kind, class, n) VALUES (NEW.phase, NEW.kind, NEW.class, 1)
        ON CONFLICT (phase, kind, class) DO UPDATE SET n = n + 1;
END;
CREATE INDEX jobs_uncertain ON jobs (phase) WHERE uncertain > 0;
CREATE INDEX attempts_by_job ON attempts (job, id);
CREATE VIEW queue_progress AS
SELECT name AS queue, queues.kind AS kind,
       (SELECT coalesce(sum(n), 0) FROM counters WHERE counters.phase = queues.phase) AS jobs,
       (SELECT coalesce(sum(n), 0) FROM counters
        WHERE counters.phase = queues.phase AND class = 'done') AS done,
       (SELECT coalesce(sum(n), 0) FROM counters
        WHERE counters.phase = queues.phase AND class = 'failed') AS failed,
       (SELECT count(*) FROM jobs WHERE jobs.phase = queues.phase AND uncertain > 0) AS uncertain,
       money_spent / 1e12 AS spent, money_ceiling / 1e12 AS budget,
       tokens_spent, tokens_ceiling, paused, exhausted
FROM queues ORDER BY queues.phase;
CREATE VIEW job_list AS
SELECT jobs.id AS id, coalesce(queues.name, '') AS queue, jobs.kind AS kind,
       CASE WHEN queues.name IS NULL THEN jobs.key
            ELSE substr(jobs.key, length(queues.name) + 2) END AS key,
       jobs.state AS state, jobs.attempts AS attempts, jobs.uncertain AS uncertain,
       round(jobs.seconds, 3) AS seconds,
       strftime('%Y-%m-%d %H:%M:%S', jobs.settled_at, 'unixepoch') AS settled_at,
       (SELECT group_concat(path, char(10)) FROM outputs WHERE outputs.job = jobs.id) AS outputs
FROM jobs LEFT JOIN queues ON queues.phase = jobs.phase;
CREATE VIEW attempt_list AS
SELECT attempts.id AS id, queues.name AS queue,
       substr(jobs.key, length(queues.name) + 2) AS key,
       attempts.attempt AS attempt, attempts.outcome AS outcome,
       strftime('%Y-%m-%d %H:%M:%f', started_at, 'unixepoch') AS started_at,
       round(attempts.seconds, 3) AS seconds, worker,
       attempts.tokens_in AS tokens_in, attempts.tokens_out AS tokens_out,
       money / 1e12 AS money, facts
FROM attempts JOIN jobs ON jobs.id = attempts.job JOIN queues ON queues.phase = jobs.phase;
CREATE VIEW failure_list AS
SELECT jobs.kind AS kind, jobs.key AS key, failures.attempt AS attempt,
       strftime('%Y-%m-%d %H:%M:%S', failures.at, 'unixepoch') AS at,
       failures.what AS what, failures.context AS context, failures.remedy AS remedy
FROM failures JOIN jobs ON jobs.id = failures.job
WHERE jobs.state = 'failed'
  AND failures.id = (SELECT max(id) FROM failures AS later WHERE later.job = jobs.id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('leases',13);
COMMIT;
