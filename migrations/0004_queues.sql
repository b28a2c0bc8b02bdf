-- Work that is no page: named queues of jobs, each a phase of its own, and what limits them.

-- Money is in 10^-12 of the currency of the prices, so that a price a token is a whole number.
-- Times are on the clock of leases, but for the attempts', which are of the wall.
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

-- The most that a try at the job may take, and how often nobody knows what came of one.
ALTER TABLE jobs ADD COLUMN tokens_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN tokens_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN uncertain INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_uncertain ON jobs (phase) WHERE uncertain > 0;

-- Why nobody takes a job just now: the machine is busy or hot.
ALTER TABLE runs ADD COLUMN hold TEXT;
-- The queues that the run is about, as a JSON list of phases; NULL: all. What is added to another
-- one while it goes on is held.
ALTER TABLE runs ADD COLUMN queues TEXT;

-- The receipts: every try at a job of a queue.
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

CREATE INDEX attempts_by_job ON attempts (job, id);

-- What a job came to, as JSON.
CREATE TABLE results (
    job   INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    value TEXT NOT NULL
) STRICT;

-- How an adaptive rate went down and up again.
CREATE TABLE paces (
    id         INTEGER PRIMARY KEY,
    queue      INTEGER NOT NULL REFERENCES queues (phase) ON DELETE CASCADE,
    at         REAL NOT NULL,
    per_second REAL NOT NULL,
    why        TEXT NOT NULL
) STRICT;

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
