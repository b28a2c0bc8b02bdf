-- The ledger: what there is to do, who does it, what came of it.

-- Facts of the plan as JSON, by name: which corpus, which settings, which artefacts.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The corpus as it was when it was planned. `position` orders, it never identifies.
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
) STRICT;

CREATE INDEX documents_by_category ON documents (category, chronology);

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    started_at    REAL NOT NULL,
    ended_at      REAL,
    workers       INTEGER NOT NULL,
    keep_going    INTEGER NOT NULL CHECK (keep_going IN (0, 1)),
    stopping      INTEGER NOT NULL DEFAULT 0 CHECK (stopping IN (0, 1)),
    settled_before INTEGER NOT NULL,
    outcome       TEXT,
    CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;

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

CREATE INDEX workers_alive ON workers (run) WHERE ended_at IS NULL;

-- One row a claim. The token is the fence: AUTOINCREMENT never gives one out twice.
-- `expires` is on the clock of this boot (ledger/process/clock.py), never on the wall clock.
CREATE TABLE leases (
    token   INTEGER PRIMARY KEY AUTOINCREMENT,
    worker  INTEGER NOT NULL REFERENCES workers (id),
    expires REAL NOT NULL
) STRICT;

CREATE INDEX leases_by_worker ON leases (worker);

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
                 (CASE WHEN state IN ('pending', 'running') THEN 'open' ELSE state END) VIRTUAL,
    CONSTRAINT one_job_per_kind_and_key UNIQUE (kind, key),
    CONSTRAINT state_is_known CHECK (state IN ('pending', 'held', 'running', 'done', 'failed')),
    CONSTRAINT running_under_a_lease CHECK ((state = 'running') = (lease IS NOT NULL)),
    CONSTRAINT attempts_are_bounded CHECK (attempts BETWEEN 0 AND max_attempts)
) STRICT;

CREATE INDEX jobs_to_claim ON jobs (phase, priority DESC, id) WHERE state = 'pending';
CREATE INDEX jobs_under_lease ON jobs (lease) WHERE lease IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';

-- A path belongs to exactly one job. bytes, digest and inputs are those of the last publish.
CREATE TABLE outputs (
    path   TEXT PRIMARY KEY,
    job    INTEGER NOT NULL REFERENCES jobs (id),
    bytes  INTEGER,
    digest TEXT,
    inputs TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX outputs_by_job ON outputs (job);

-- Files whose job is gone from the plan; they are deleted after the plan is committed.
CREATE TABLE leftovers (
    path TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

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

CREATE INDEX failures_by_job ON failures (job, id);

-- Counting a million rows takes 120 ms, reading these 0.004 ms.
CREATE TABLE counters (
    phase INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    class TEXT NOT NULL,
    n     INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (phase, kind, class)
) STRICT, WITHOUT ROWID;

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
