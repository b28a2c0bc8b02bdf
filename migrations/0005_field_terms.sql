-- The field's terms: a job left out of a run is `deselected`, a queue that does not repeat an
-- effect in doubt parks it, an adaptive rate has a factor. Views keep the old names of tables for
-- one release.
-- The migrator turns foreign keys off while migrations run: a table whose CHECK changes has to be
-- built again, and dropping the old one would cascade.

DROP VIEW queue_progress;
DROP VIEW job_list;
DROP VIEW attempt_list;
DROP VIEW failure_list;
DROP TRIGGER jobs_counted_in;
DROP TRIGGER jobs_counted_out;
DROP TRIGGER jobs_counted_over;

CREATE TABLE new_jobs (
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
    run          INTEGER,  -- in which it was last done; no REFERENCES: a look-up a job
    -- The most that an attempt may take, and how many of its attempts ended in doubt.
    tokens_in    INTEGER NOT NULL DEFAULT 0,
    tokens_out   INTEGER NOT NULL DEFAULT 0,
    uncertain    INTEGER NOT NULL DEFAULT 0,
    -- What the counters tell apart: a job that is claimed is still open.
    class        TEXT NOT NULL GENERATED ALWAYS AS
                 (CASE WHEN state IN ('pending', 'running') THEN 'open' ELSE state END) VIRTUAL,
    CONSTRAINT one_job_per_kind_and_key UNIQUE (kind, key),
    CONSTRAINT state_is_known
        CHECK (state IN ('pending', 'deselected', 'running', 'done', 'failed')),
    CONSTRAINT running_under_a_lease CHECK ((state = 'running') = (lease IS NOT NULL)),
    CONSTRAINT attempts_are_bounded CHECK (attempts BETWEEN 0 AND max_attempts)
) STRICT;

INSERT INTO new_jobs (id, kind, key, phase, priority, position, state, fingerprint, payload,
                      attempts, max_attempts, not_before, lease, seconds, settled_at, run,
                      tokens_in, tokens_out, uncertain)
SELECT id, kind, key, phase, priority, position,
       CASE state WHEN 'held' THEN 'deselected' ELSE state END, fingerprint, payload,
       attempts, max_attempts, not_before, lease, seconds, settled_at, run,
       tokens_in, tokens_out, uncertain
FROM jobs;

DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;

CREATE INDEX jobs_to_claim ON jobs (phase, priority DESC, id) WHERE state = 'pending';
CREATE INDEX jobs_under_lease ON jobs (lease) WHERE lease IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_uncertain ON jobs (phase) WHERE uncertain > 0;

UPDATE counters SET class = 'deselected' WHERE class = 'held';

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

CREATE TABLE new_queues (
    phase           INTEGER PRIMARY KEY,  -- that of its jobs; those below 1000 are the site's
    name            TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    module          TEXT NOT NULL,        -- of the kind
    recipe          TEXT NOT NULL,        -- what all its jobs share, as JSON
    after           TEXT NOT NULL DEFAULT '[]',  -- the names of the queues that come first
    policy          TEXT NOT NULL DEFAULT 'retry',  -- for a job whose effect is in doubt
    paused          INTEGER NOT NULL DEFAULT 0,
    concurrency     INTEGER,              -- how many at once; NULL: as many as there are workers
    -- The rate: a GCRA bucket. `due` is its theoretical arrival time.
    interval        REAL,                 -- seconds between two starts; NULL: no limit
    burst           INTEGER NOT NULL DEFAULT 1,
    due             REAL NOT NULL DEFAULT 0,
    resume_at       REAL NOT NULL DEFAULT 0,  -- nothing starts before: the server said so
    adaptive        INTEGER NOT NULL DEFAULT 0,
    rate_factor     REAL NOT NULL DEFAULT 1,  -- the share of the rate that is used at present
    slowed_at       REAL NOT NULL DEFAULT 0,
    -- The budget; what is reserved is the sum over the jobs under a lease.
    price_in        INTEGER,              -- of a token of input; NULL: not known
    price_out       INTEGER,
    price_call      INTEGER,
    money_ceiling   INTEGER,
    tokens_ceiling  INTEGER,
    money_spent     INTEGER NOT NULL DEFAULT 0,
    tokens_spent    INTEGER NOT NULL DEFAULT 0,
    exhausted       INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT above_the_site CHECK (phase >= 1000),
    CONSTRAINT policy_is_known CHECK (policy IN ('retry', 'park')),
    CONSTRAINT limits_are_sensible
        CHECK (burst >= 1 AND (interval IS NULL OR interval > 0)
               AND (concurrency IS NULL OR concurrency >= 1)
               AND rate_factor > 0 AND rate_factor <= 1)
) STRICT;

INSERT INTO new_queues
SELECT phase, name, kind,
       -- The kinds of queues moved to a package of their own.
       CASE module WHEN 'worker.kinds.command' THEN 'worker.kinds.queue.command'
                   WHEN 'worker.kinds.llm' THEN 'worker.kinds.queue.llm'
                   WHEN 'worker.kinds.http' THEN 'worker.kinds.queue.http'
                   WHEN 'worker.kinds.call' THEN 'worker.kinds.queue.call'
                   ELSE module END,
       recipe, after, CASE policy WHEN 'hold' THEN 'park' ELSE policy END, paused, concurrency,
       interval, burst, due, resume_at, adaptive, pace, slowed_at, price_in, price_out,
       price_call, money_ceiling, tokens_ceiling, money_spent, tokens_spent, exhausted
FROM queues;

DROP TABLE queues;
ALTER TABLE new_queues RENAME TO queues;

ALTER TABLE runs RENAME COLUMN hold TO throttled;
ALTER TABLE paces RENAME TO rate_changes;
ALTER TABLE leftovers RENAME TO stale_outputs;
CREATE VIEW paces AS SELECT * FROM rate_changes;
CREATE VIEW leftovers AS SELECT * FROM stale_outputs;

-- The plan names the modules of kinds, which have moved: `ledger init` plans again.
UPDATE facts SET value = json_remove(value, '$.sources') WHERE name = 'plan' AND json_valid(value);

-- For people with Datasette or sqlite3: docs/schema.md.
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
