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
INSERT INTO "attempts" VALUES(1,1,1,1,1,1.79527878007723259924e+09,1.57474229999934323132e-02,'done',0,0,0,'{"status": 0, "wall": 0.0152, "cpu": 0.001, "memory_kb": 19688}');
INSERT INTO "attempts" VALUES(2,2,1,1,1,1795278780.09485,0.0405556229998183,'done',0,0,0,'{"status": 0, "wall": 0.0402, "cpu": 0.0009, "memory_kb": 19816}');
INSERT INTO "attempts" VALUES(3,3,1,1,1,1.795278780136021614e+09,7.9371050001100229565e-03,'failed',0,0,0,'{"status": 1, "wall": 0.0076, "cpu": 0.0009, "memory_kb": 19816}');
INSERT INTO "attempts" VALUES(4,4,1,1,1,1.79527878018924093241e+09,3.52240979996167880017e-02,'done',0,0,0,'{"status": 0, "wall": 0.0349, "cpu": 0.001, "memory_kb": 19944}');
CREATE TABLE counters (
    phase INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    class TEXT NOT NULL,
    n     INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (phase, kind, class)
) STRICT, WITHOUT ROWID;
INSERT INTO "counters" VALUES(1000,'command','done',3);
INSERT INTO "counters" VALUES(1000,'command','failed',1);
INSERT INTO "counters" VALUES(1000,'command','open',0);
INSERT INTO "counters" VALUES(1001,'command','open',1);
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
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('boot','96456833-e1df-4c4f-8c98-bb7f6298156e');
INSERT INTO "facts" VALUES('notes','[]');
INSERT INTO "facts" VALUES('plan','{"corpus": "50673133fff7daa4da6df4e6239fa093", "documents": 0, "dated": 0, "depth": -1, "words": [], "artefacts": {}, "job_bytes": {}, "kinds": {"call": "worker.kinds.call", "command": "worker.kinds.command", "http": "worker.kinds.http", "llm": "worker.kinds.llm"}, "settings": "# Settings of this Ledger project: queues of work. See docs/bulk.md.\n\n[site]\nkind = \"bulk\"                  # no pages, only what `ledger add` adds\n\n[llm]                          # for queues of kind llm; the key stays in the environment\nurl = \"https://api.openai.com/v1\"\nmodel = \"\"\napi_key_env = \"OPENAI_API_KEY\"\n\n[prices]                       # of a million tokens; a budget in money needs them\n# \"some-model\" = { input = 0.15, output = 0.60 }\n", "sources": {"corpus": "50673133fff7daa4da6df4e6239fa093", "templates": "50673133fff7daa4da6df4e6239fa093", "program": "212215319c6a92a294185aff942abcb1"}, "homes": ["site"]}');
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
INSERT INTO "failures" VALUES(1,3,1,1,1,1.7952787801882898808e+09,'the command ended with exit status 1','it printed nothing','mend what it says, then `ledger retry --failed` and `ledger spawn`');
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
INSERT INTO "jobs" VALUES(1,'command','x/a',1000,0,NULL,'done','cd150e85c2331e31fc634551ffffa2da','{"1":"a"}',1,3,0.0,NULL,1.57474229999934323132e-02,1.7952787800931255817e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(2,'command','x/b',1000,0,NULL,'done','fcf52e31f9665eaa0827a5a5333fd11d','{"1":"b"}',1,3,0.0,NULL,0.0405556229998183,1795278780.13554,1,0,0,0);
INSERT INTO "jobs" VALUES(3,'command','x/c',1000,0,NULL,'failed','76c8b625ac3243515546133d9778b23f','{"1":"c"}',1,3,0.0,NULL,7.9371050001100229565e-03,1.79527878018775272368e+09,NULL,0,0,0);
INSERT INTO "jobs" VALUES(4,'command','x/d',1000,0,NULL,'done','6e58c147172afcd97dbfc6ea16780720','{"1":"d"}',1,3,0.0,NULL,3.52240979996167880017e-02,1.79527878022459554674e+09,1,0,0,0);
INSERT INTO "jobs" VALUES(5,'command','y/z',1001,0,NULL,'running','bb836d2412e2e3e73f81f66afc7fbdc3','{"1":"z"}',0,3,0.0,4,NULL,NULL,NULL,0,0,0);
CREATE TABLE leases (
    token   INTEGER PRIMARY KEY AUTOINCREMENT,
    worker  INTEGER NOT NULL REFERENCES workers (id),
    expires REAL NOT NULL
) STRICT;
INSERT INTO "leases" VALUES(4,2,2707.387718942);
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
INSERT INTO "queues" VALUES(1000,'x','command','worker.kinds.command','{"argv": ["sh", "-c", "echo {1} >> done.txt; [ {1} != c ]"], "capture": false, "cwd": ".", "grace": 5.0, "ok_codes": [0], "out": "", "retries": 0, "shell": false, "timeout": null}','[]','hold',0,NULL,NULL,1,0.0,0.0,0,1.0,0.0,NULL,NULL,NULL,NULL,NULL,0,0,0);
INSERT INTO "queues" VALUES(1001,'y','command','worker.kinds.command','{"argv": ["sh", "-c", "echo paid >> paid.txt; sleep 300", "{}"], "capture": false, "cwd": ".", "grace": 5.0, "ok_codes": [0], "out": "", "retries": 0, "shell": false, "timeout": null}','[]','hold',0,NULL,NULL,1,0.0,0.0,0,1.0,0.0,NULL,NULL,NULL,NULL,NULL,0,0,0);
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
INSERT INTO "runs" VALUES(1,1795278779.08644,1.79527878095191931726e+09,1,1,0,0,'failed','96456833-e1df-4c4f-8c98-bb7f6298156e',NULL,NULL);
INSERT INTO "runs" VALUES(2,1.79527878722535276416e+09,1.7952788008566455841e+09,1,0,0,4,'abandoned','96456833-e1df-4c4f-8c98-bb7f6298156e',NULL,'[1001]');
INSERT INTO "runs" VALUES(3,1.79527880085677647593e+09,NULL,1,0,0,4,NULL,'96456833-e1df-4c4f-8c98-bb7f6298156e',NULL,'[1001]');
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
INSERT INTO "workers" VALUES(1,1,1,29265,1.79527877995570850377e+09,1.79527878023134803775e+09,'finished');
INSERT INTO "workers" VALUES(2,3,1,29546,1.79527880176799178122e+09,NULL,NULL);
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
INSERT INTO "sqlite_sequence" VALUES('leases',4);
COMMIT;
