-- Every statement that runs on a ledger, by name. The migrations hold the schema.
-- FIRST_QUEUE stands for the number of that name in ledger/jobs.py, which is put in once, when this
-- file is read: phases below it are a site's, and from it on each is a queue.

-- ---------------------------------------------------------------- the lease protocol

-- name: claimable_set
-- The site's lowest phase with open jobs, its lowest with failed ones, and whether the run is
-- ending, throttled or paused.
SELECT
    (SELECT min(phase) FROM counters WHERE phase < FIRST_QUEUE AND class = 'open' AND n > 0) AS open_phase,
    (SELECT min(phase) FROM counters WHERE phase < FIRST_QUEUE AND class = 'failed' AND n > 0)
        AS failed_phase,
    coalesce((SELECT stopping OR ended_at IS NOT NULL FROM runs WHERE id = :run), 1) AS stopping,
    (SELECT throttled FROM runs WHERE id = :run) AS throttled,
    EXISTS (SELECT 1 FROM facts WHERE name = 'paused') AS paused,
    EXISTS (SELECT 1 FROM queues) AS queues;

-- name: open_queues
-- The queues with open jobs, those with the most urgent jobs first. `waits` counts the open jobs
-- of the queues that come before one, `blocked` the jobs there that no worker will do.
SELECT queues.phase, queues.name, queues.kind, queues.module, queues.recipe, queues.after,
       queues.policy, queues.paused, queues.concurrency, queues.interval, queues.burst,
       queues.due, queues.resume_at, queues.adaptive, queues.rate_factor, queues.slowed_at,
       queues.price_in, queues.price_out, queues.price_call, queues.money_ceiling,
       queues.tokens_ceiling, queues.money_spent, queues.tokens_spent, queues.exhausted,
       (SELECT priority FROM jobs WHERE state = 'pending' AND jobs.phase = queues.phase
        ORDER BY priority DESC LIMIT 1) AS urgency,
       (SELECT coalesce(sum(n), 0) FROM counters WHERE class = 'open' AND phase IN
            (SELECT phase FROM queues AS first WHERE name IN
                (SELECT value FROM json_each(queues.after)))) AS waits,
       (SELECT coalesce(sum(n), 0) FROM counters WHERE class IN ('failed', 'deselected') AND phase IN
            (SELECT phase FROM queues AS first WHERE name IN
                (SELECT value FROM json_each(queues.after)))) AS blocked
FROM queues
WHERE EXISTS (SELECT 1 FROM counters WHERE counters.phase = queues.phase AND class = 'open' AND n > 0)
ORDER BY urgency DESC, phase;

-- name: in_flight_in_queue
-- How many jobs of a queue are under a lease, and the most that they may spend.
SELECT count(*) AS jobs, coalesce(sum(tokens_in), 0) AS tokens_in,
       coalesce(sum(tokens_out), 0) AS tokens_out
FROM jobs WHERE lease IS NOT NULL AND phase = :phase;

-- name: take_rate_slot
UPDATE queues SET due = :due WHERE phase = :phase;

-- name: exhaust
UPDATE queues SET exhausted = 1 WHERE phase = :phase;

-- name: queue
SELECT phase, name, kind, module, recipe, after, policy, paused, concurrency, interval, burst, due,
       resume_at, adaptive, rate_factor, slowed_at, price_in, price_out, price_call, money_ceiling,
       tokens_ceiling, money_spent, tokens_spent, exhausted
FROM queues WHERE phase = :phase;

-- name: spend
UPDATE queues SET money_spent = money_spent + :money, tokens_spent = tokens_spent + :tokens
WHERE phase = :phase;

-- name: set_rate_factor
UPDATE queues SET rate_factor = :rate_factor, slowed_at = :slowed_at, due = :due, resume_at = :resume_at
WHERE phase = :phase;

-- name: note_rate_change
INSERT INTO rate_changes (queue, at, per_second, why) VALUES (:phase, :at, :per_second, :why);

-- name: record_attempt
INSERT INTO attempts (job, run, worker, attempt, started_at, seconds, outcome,
                      tokens_in, tokens_out, money, facts)
SELECT id, :run, :worker, attempts, :started_at, :seconds, :outcome,
       :tokens_in, :tokens_out, :money, :facts FROM jobs WHERE id = :job;

-- name: record_result
INSERT INTO results (job, value) VALUES (:job, :value)
ON CONFLICT (job) DO UPDATE SET value = excluded.value;

-- name: result
SELECT value FROM results WHERE job = :job;

-- name: forget_result
DELETE FROM results WHERE job = :job;

-- name: job_limits
SELECT phase, lease, tokens_in, tokens_out FROM jobs WHERE id = :job;

-- name: mark_uncertain
UPDATE jobs SET uncertain = uncertain + 1 WHERE id = :job;

-- name: park
-- The policy `park`: an effect in doubt is repeated only on request (`ledger retry --uncertain`).
UPDATE jobs SET state = 'failed', lease = NULL, attempts = min(attempts + :charge, max_attempts),
    settled_at = :at
WHERE id = :job AND lease = :token
RETURNING state;

-- name: queue_jobs_under
SELECT id FROM jobs WHERE lease = :token AND phase >= FIRST_QUEUE;

-- name: open_lease
INSERT INTO leases (worker, expires) VALUES (:worker, :expires) RETURNING token;

-- name: claimable
-- Reading what to take and then taking it, in one transaction, is quicker than
-- UPDATE … RETURNING, which sets up tables of its own for every call.
SELECT id, kind, key, fingerprint, payload, attempts, max_attempts, phase, tokens_in, tokens_out
FROM jobs
WHERE state = 'pending' AND phase = :phase AND not_before <= :now
ORDER BY priority DESC, id
LIMIT :limit;

-- name: take_one
UPDATE jobs SET state = 'running', lease = :token WHERE id = :job;

-- name: take_many
UPDATE jobs SET state = 'running', lease = :token WHERE id IN (SELECT value FROM json_each(:jobs));

-- name: next_due
SELECT min(not_before) FROM jobs WHERE state = 'pending' AND phase = :phase;

-- name: renew
UPDATE leases SET expires = max(expires, :expires) WHERE token = :token;

-- name: lease_is_live
SELECT 1 FROM leases WHERE token = :token;

-- name: settle_one
UPDATE jobs
SET state = 'done', lease = NULL, attempts = attempts + 1, seconds = :seconds, settled_at = :at,
    not_before = 0, run = :run
WHERE lease = :token AND id = :job;

-- name: settle_many
-- Half the cost of one statement per job. `seconds` is the batch's mean.
UPDATE jobs
SET state = 'done', lease = NULL, attempts = attempts + 1, seconds = :seconds, settled_at = :at,
    not_before = 0, run = :run
WHERE lease = :token AND id IN (SELECT value FROM json_each(:jobs));

-- name: settle_undone
-- The CASE is a fence; ledger/process/retry.py decides.
UPDATE jobs
SET state = CASE WHEN :state = 'pending' AND attempts + 1 >= max_attempts
                 THEN 'failed' ELSE :state END,
    lease = NULL, attempts = attempts + 1, seconds = :seconds, settled_at = :at,
    not_before = :not_before
WHERE id = :job AND lease = :token;

-- name: release
UPDATE jobs SET state = 'pending', lease = NULL WHERE lease = :token;

-- name: close_lease
DELETE FROM leases
WHERE token = :token AND NOT EXISTS (SELECT 1 FROM jobs WHERE lease = :token);

-- name: record_output
UPDATE outputs SET bytes = :bytes, digest = :digest, inputs = :inputs
WHERE path = :path AND job = :job;

-- name: record_failure
INSERT INTO failures (job, run, worker, attempt, at, what, context, remedy)
SELECT id, :run, :worker, attempts, :at, :what, :context, :remedy FROM jobs WHERE id = :job;

-- name: throttle_run
UPDATE runs SET throttled = :why WHERE id = :run;

-- name: stop_run
UPDATE runs SET stopping = 1 WHERE id = :run;

-- name: stop_run_if_failed
UPDATE runs SET stopping = 1
WHERE id = :run AND keep_going = 0
  AND EXISTS (SELECT 1 FROM jobs WHERE id = :job AND state = 'failed');

-- name: leases_of
SELECT token FROM leases WHERE worker = :worker;

-- name: expired_leases
SELECT token, worker FROM leases WHERE expires < :now;

-- name: live_leases
SELECT count(*) FROM leases;

-- name: charge_attempt
-- The CASE is a fence; ledger/process/retry.py decides.
UPDATE jobs
SET attempts = attempts + 1, lease = NULL, settled_at = :at,
    state = CASE WHEN attempts + 1 >= max_attempts THEN 'failed' ELSE 'pending' END
WHERE id = :job AND lease = :token
RETURNING state;

-- name: outputs_under_lease
SELECT job, path, bytes, digest, inputs FROM jobs JOIN outputs ON outputs.job = jobs.id
WHERE jobs.lease = :token;

-- ---------------------------------------------------------------- why a job is not claimed

-- name: kinds
SELECT DISTINCT kind FROM counters ORDER BY kind;

-- name: jobs_named
-- The jobs among these pairs of kind and key, with the lease that holds one.
SELECT jobs.id, jobs.kind, jobs.key, jobs.phase, jobs.priority, jobs.state, jobs.attempts,
       jobs.max_attempts, jobs.not_before, jobs.settled_at, jobs.uncertain, jobs.tokens_in,
       jobs.tokens_out, jobs.lease, leases.worker, workers.number, leases.expires
FROM json_each(:names) AS named
JOIN jobs ON jobs.kind = json_extract(named.value, '$[0]')
         AND jobs.key = json_extract(named.value, '$[1]')
LEFT JOIN leases ON leases.token = jobs.lease
LEFT JOIN workers ON workers.id = leases.worker
ORDER BY jobs.id;

-- name: job_names
SELECT kind, key, phase FROM jobs ORDER BY id LIMIT :limit;

-- name: jobs_ahead
-- How many jobs of its phase are claimed before this one.
SELECT count(*) FROM jobs
WHERE state = 'pending' AND phase = :phase AND not_before <= :now
  AND (priority > :priority OR priority = :priority AND id < :job);

-- name: last_failure
SELECT what, remedy FROM failures WHERE job = :job ORDER BY id DESC LIMIT 1;

-- name: queues_before
-- The queues that come before one, with their open jobs and those that no worker will do.
SELECT queues.name,
       coalesce(sum(CASE WHEN class = 'open' THEN n END), 0) AS open,
       coalesce(sum(CASE WHEN class IN ('failed', 'deselected') THEN n END), 0) AS blocked
FROM queues LEFT JOIN counters ON counters.phase = queues.phase
WHERE queues.name IN (SELECT value FROM json_each(:names))
GROUP BY queues.phase ORDER BY queues.phase;

-- ---------------------------------------------------------------- runs and workers

-- name: start_run
INSERT INTO runs (started_at, boot, workers, keep_going, queues, settled_before)
VALUES (:at, :boot, :workers, :keep_going, :queues,
        (SELECT coalesce(sum(n), 0) FROM counters WHERE class IN ('done', 'failed')))
RETURNING id;

-- name: end_run
UPDATE runs SET ended_at = :at, outcome = :outcome WHERE id = :run;

-- name: end_abandoned_runs
UPDATE runs SET ended_at = :at, outcome = 'abandoned' WHERE ended_at IS NULL;

-- name: start_worker
INSERT INTO workers (run, number, pid, started_at) VALUES (:run, :number, :pid, :at) RETURNING id;

-- name: end_worker
UPDATE workers SET ended_at = :at, outcome = :outcome WHERE id = :worker AND ended_at IS NULL;

-- name: latest_worker
SELECT max(id) FROM workers;

-- name: worker_of_number
-- By number and not by process id: an engine may run a worker below another process, or elsewhere.
-- `after`: a run restarts a number whose worker died.
SELECT max(id) FROM workers WHERE run = :run AND number = :number AND id > :after;

-- name: open_workers
SELECT id, run, number, pid FROM workers WHERE ended_at IS NULL;

-- name: select_all_jobs
UPDATE jobs SET state = 'pending' WHERE state = 'deselected';

-- name: deselect_other_kinds
UPDATE jobs SET state = 'deselected'
WHERE state = 'pending'
  AND CASE WHEN phase < FIRST_QUEUE THEN kind NOT IN (SELECT value FROM json_each(:kinds))
           ELSE phase NOT IN (SELECT value FROM json_each(:phases)) END;

-- name: deselect_later_documents
UPDATE jobs SET state = 'deselected' WHERE state = 'pending' AND phase < FIRST_QUEUE AND position >= :limit;

-- name: restart_clocks
UPDATE jobs SET not_before = 0 WHERE not_before > 0;

-- name: restart_queues
UPDATE queues SET due = 0, resume_at = 0, slowed_at = 0;

-- name: retry
UPDATE jobs SET state = 'pending', attempts = 0, not_before = 0
WHERE state = 'failed'
  AND (:kind IS NULL OR kind = :kind)
  AND (:phase IS NULL OR phase = :phase)
  -- An effect in doubt is repeated only on explicit request.
  AND :uncertain = (uncertain > 0 AND phase IN (SELECT phase FROM queues WHERE policy = 'park'))
  AND (:key IS NULL OR key = :key OR kind || '/' || key = :key)
RETURNING id;

-- name: retry_any
UPDATE jobs SET state = 'pending', attempts = 0, not_before = 0
WHERE state IN ('failed', 'done')
  AND (:kind IS NULL OR kind = :kind)
  AND (:phase IS NULL OR phase = :phase)
  AND (:key IS NULL OR key = :key OR kind || '/' || key = :key)
RETURNING id;

-- name: unproven_files
-- Files of a run that did not end cleanly, or of the boot in which the last run was, if the
-- machine has been restarted since: some of them may not have reached the disk.
SELECT outputs.path, outputs.bytes, outputs.digest, outputs.job, jobs.kind
FROM outputs JOIN jobs ON jobs.id = outputs.job
WHERE jobs.state = 'done'
  AND jobs.run IN (SELECT id FROM runs
                   WHERE ended_at IS NULL
                      OR boot IS NOT :boot
                         AND boot IS (SELECT boot FROM runs ORDER BY id DESC LIMIT 1))
ORDER BY outputs.path;

-- name: requeue
UPDATE jobs SET state = 'pending', attempts = 0, not_before = 0
WHERE id = :job AND state = 'done';

-- name: requeue_kinds
UPDATE jobs SET state = 'pending', attempts = 0, not_before = 0
WHERE state = 'done' AND kind IN (SELECT value FROM json_each(:kinds));

-- name: forget_output
-- For a damaged file: publishing skips a file that has the recorded size and inputs.
UPDATE outputs SET bytes = NULL, digest = NULL, inputs = NULL WHERE path = :path;

-- name: forget_inputs_of_job
UPDATE outputs SET inputs = NULL WHERE job = :job;

-- name: forget_inputs
-- For files that may have been built from a damaged one: they are rendered again, and compared.
-- The size stays, since `spawn` counts it as disk space that is taken already.
UPDATE outputs SET inputs = NULL
WHERE job IN (SELECT id FROM jobs WHERE kind IN (SELECT value FROM json_each(:kinds)));

-- ---------------------------------------------------------------- reports

-- name: counts
SELECT phase, kind, class, n,
       coalesce((SELECT name FROM queues WHERE queues.phase = counters.phase), '') AS queue
FROM counters WHERE n > 0 ORDER BY phase, kind, class;

-- name: running_counts
SELECT phase, kind, count(*) AS n FROM jobs WHERE lease IS NOT NULL GROUP BY phase, kind;

-- name: failures
-- A queue's job is reported under its queue's name. If it failed before its last attempt, that
-- attempt was the last: the rest are for crashes of workers.
SELECT coalesce(queues.name, jobs.kind) AS kind,
       CASE WHEN queues.name IS NULL THEN jobs.key
            ELSE substr(jobs.key, length(queues.name) + 2) END AS key,
       failures.attempt,
       CASE WHEN queues.name IS NULL THEN jobs.max_attempts ELSE failures.attempt END AS attempts,
       failures.worker, failures.what, failures.context, failures.remedy
FROM jobs JOIN failures ON failures.job = jobs.id LEFT JOIN queues ON queues.phase = jobs.phase
WHERE jobs.state = 'failed'
  AND failures.id = (SELECT max(id) FROM failures WHERE job = jobs.id)
ORDER BY jobs.id
LIMIT :limit;

-- name: last_run
SELECT id, started_at, ended_at, workers, keep_going, stopping, settled_before, outcome, throttled
FROM runs ORDER BY id DESC LIMIT 1;

-- ---------------------------------------------------------------- health

-- name: integrity_check
PRAGMA integrity_check(20);

-- name: foreign_key_check
PRAGMA foreign_key_check;

-- name: miscounted
-- Where the counters and the jobs disagree.
SELECT phase, kind, class, sum(kept) AS kept, sum(counted) AS counted
FROM (
    SELECT phase, kind, class, n AS kept, 0 AS counted FROM counters
    UNION ALL
    SELECT phase, kind, class, 0, count(*) FROM jobs GROUP BY phase, kind, class
)
GROUP BY phase, kind, class
HAVING sum(kept) <> sum(counted)
ORDER BY phase, kind, class;

-- name: forget_counters
DELETE FROM counters;

-- name: recount
INSERT INTO counters (phase, kind, class, n)
SELECT phase, kind, class, count(*) FROM jobs GROUP BY phase, kind, class;

-- name: open_runs
SELECT id, workers FROM runs WHERE ended_at IS NULL ORDER BY id;

-- name: leases_out
-- Every lease, with how many jobs it holds and whether its worker has ended.
SELECT leases.token, leases.worker, count(jobs.id) AS jobs,
       (workers.id IS NULL OR workers.ended_at IS NOT NULL) AS ended
FROM leases
LEFT JOIN workers ON workers.id = leases.worker
LEFT JOIN jobs ON jobs.lease = leases.token
GROUP BY leases.token
ORDER BY leases.token;

-- name: finished_files
SELECT outputs.path, outputs.bytes, outputs.digest, outputs.job, jobs.kind
FROM outputs JOIN jobs ON jobs.id = outputs.job
WHERE jobs.state = 'done'
ORDER BY outputs.path;

-- name: outputs_of_kind
SELECT jobs.id, jobs.kind, jobs.key, jobs.state, jobs.fingerprint, jobs.payload, outputs.path
FROM jobs JOIN outputs ON outputs.job = jobs.id
WHERE jobs.kind = :kind
ORDER BY outputs.path;

-- name: count_outputs
SELECT count(*) FROM outputs WHERE path GLOB :pattern;

-- name: unwritten_outputs
SELECT count(*) FROM outputs WHERE bytes IS NULL;

-- ---------------------------------------------------------------- the plan

-- name: fact
SELECT value FROM facts WHERE name = :name;

-- name: set_fact
INSERT INTO facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: planned_jobs
-- Those of the site: a plan does not touch queues.
SELECT id, kind, key, phase, priority, position, fingerprint, payload, max_attempts FROM jobs
WHERE phase < FIRST_QUEUE;

-- name: jobs_of_kind
SELECT key, payload, state FROM jobs WHERE kind = :kind;

-- name: add_job
INSERT INTO jobs (kind, key, phase, priority, position, fingerprint, payload, max_attempts)
VALUES (:kind, :key, :phase, :priority, :position, :fingerprint, :payload, :max_attempts);

-- name: change_job
UPDATE jobs
SET state = 'pending', phase = :phase, priority = :priority, position = :position,
    fingerprint = :fingerprint, payload = :payload, max_attempts = :max_attempts,
    attempts = 0, not_before = 0, lease = NULL
WHERE id = :id;

-- name: run_again
-- Revoked from a worker that holds it: that works by the old plan, and its settlement is refused.
UPDATE jobs SET state = 'pending', attempts = 0, not_before = 0, lease = NULL
WHERE id = :job AND state IN ('done', 'running');

-- name: move_job
UPDATE jobs
SET phase = :phase, priority = :priority, position = :position, payload = :payload,
    max_attempts = max(:max_attempts, attempts)
WHERE id = :id;

-- name: drop_job
DELETE FROM jobs WHERE id = :job;

-- name: planned_outputs
SELECT path, job FROM outputs
WHERE job NOT IN (SELECT id FROM jobs WHERE phase >= FIRST_QUEUE);

-- name: add_output
INSERT INTO outputs (path, job) VALUES (:path, :job);

-- name: move_output
UPDATE outputs SET job = :job, bytes = NULL, digest = NULL, inputs = NULL WHERE path = :path;

-- name: drop_output
DELETE FROM outputs WHERE path = :path;

-- name: add_stale_output
INSERT OR IGNORE INTO stale_outputs (path) VALUES (:path);

-- name: stale_outputs
SELECT path FROM stale_outputs ORDER BY path;

-- name: clear_stale_outputs
DELETE FROM stale_outputs WHERE path = :path;

-- name: waiting_jobs
-- How many jobs of these kinds are pending, and the bytes of the files that they will replace.
SELECT jobs.kind, count(DISTINCT jobs.id) AS jobs, coalesce(sum(outputs.bytes), 0) AS bytes
FROM jobs LEFT JOIN outputs ON outputs.job = jobs.id
WHERE jobs.state = 'pending' AND jobs.kind IN (SELECT value FROM json_each(:kinds))
GROUP BY jobs.kind;

-- name: digests_of_kind
SELECT outputs.path, outputs.digest FROM outputs JOIN jobs ON jobs.id = outputs.job
WHERE jobs.kind = :kind ORDER BY outputs.path;

-- name: finished_outputs
SELECT outputs.path, outputs.bytes, outputs.job
FROM outputs JOIN jobs ON jobs.id = outputs.job
WHERE jobs.state = 'done';

-- name: ordered_documents
SELECT identity, digest, position, chronology, slug FROM documents;

-- name: drop_document
DELETE FROM documents WHERE identity = :identity;

-- name: lift_document
UPDATE documents SET position = -1 - position, chronology = -1 - chronology, slug = char(0) || slug
WHERE identity = :identity;

-- name: place_document
UPDATE documents SET position = :position, chronology = :chronology, slug = :slug
WHERE identity = :identity;

-- name: add_document
INSERT INTO documents (identity, position, chronology, category, id, slug, label, title, author,
                       source, date, content, digest, text_digest, extra)
VALUES (:identity, :position, :chronology, :category, :id, :slug, :label, :title, :author,
        :source, :date, :content, :digest, :text_digest, :extra);

-- ---------------------------------------------------------------- documents

-- name: document
SELECT identity, position, chronology, category, id, slug, label, title, author, source, date,
       content, digest, text_digest, extra
FROM documents WHERE identity = :identity;

-- name: documents_at
SELECT identity, position, chronology, category, id, slug, label, title, author, source, date,
       content, digest, text_digest, extra
FROM documents WHERE position IN (SELECT value FROM json_each(:positions));

-- name: document_heads
SELECT identity, position, chronology, category, id, slug, label, title, author, source, date,
       '' AS content, digest, text_digest, extra
FROM documents WHERE position IN (SELECT value FROM json_each(:positions));

-- name: extras
SELECT extra FROM documents;

-- name: neighbours_in_time
SELECT chronology, label, slug FROM documents WHERE chronology IN (:chronology - 1, :chronology + 1);

-- name: documents_between
SELECT identity, position, chronology, category, id, slug, label, title, author, source, date,
       content, digest, text_digest, extra
FROM documents WHERE position >= :first AND position < :last ORDER BY position;

-- name: documents_in_time
SELECT position, identity, label, slug, category, date, chronology FROM documents
WHERE chronology >= :first AND chronology < :last ORDER BY chronology;

-- name: documents_of_category
SELECT position, identity, label, slug, category, date, chronology FROM documents
WHERE category = :category ORDER BY chronology LIMIT :limit OFFSET :offset;

-- name: identities
SELECT identity, text_digest FROM documents ORDER BY position;

-- ---------------------------------------------------------------- queues

-- name: queues
SELECT phase, name, kind, module, recipe, after, policy, paused, concurrency, interval, burst, due,
       resume_at, adaptive, rate_factor, slowed_at, price_in, price_out, price_call, money_ceiling,
       tokens_ceiling, money_spent, tokens_spent, exhausted
FROM queues ORDER BY phase;

-- name: queue_named
SELECT phase, name, kind, module, recipe, after, policy, paused, concurrency, interval, burst, due,
       resume_at, adaptive, rate_factor, slowed_at, price_in, price_out, price_call, money_ceiling,
       tokens_ceiling, money_spent, tokens_spent, exhausted
FROM queues WHERE name = :name;

-- name: is_left_out
-- Whether a run in progress leaves this queue out.
SELECT 1 FROM runs
WHERE ended_at IS NULL AND queues IS NOT NULL
  AND :phase NOT IN (SELECT value FROM json_each(runs.queues));

-- name: next_queue
SELECT coalesce(max(phase) + 1, FIRST_QUEUE) FROM queues;

-- name: add_queue
INSERT INTO queues (phase, name, kind, module, recipe)
VALUES (:phase, :name, :kind, :module, :recipe);

-- name: change_queue
UPDATE queues SET kind = :kind, module = :module, recipe = :recipe WHERE phase = :phase;

-- name: set_limits
UPDATE queues
SET after = :after, policy = :policy, concurrency = :concurrency, interval = :interval,
    burst = :burst, adaptive = :adaptive, price_in = :price_in, price_out = :price_out,
    price_call = :price_call, money_ceiling = :money_ceiling, tokens_ceiling = :tokens_ceiling,
    rate_factor = CASE WHEN interval IS :interval AND adaptive = :adaptive THEN rate_factor ELSE 1 END
WHERE phase = :phase;

-- name: clear_exhausted
UPDATE queues SET exhausted = 0 WHERE exhausted = 1;

-- name: pause_queue
UPDATE queues SET paused = :paused WHERE phase = :phase AND paused <> :paused;

-- name: forget_fact
DELETE FROM facts WHERE name = :name;

-- name: jobs_in_phase
SELECT id, key, fingerprint, state FROM jobs WHERE phase = :phase ORDER BY id;

-- name: add_queue_job
INSERT INTO jobs (kind, key, phase, priority, fingerprint, payload, max_attempts,
                  tokens_in, tokens_out, state, settled_at)
VALUES (:kind, :key, :phase, :priority, :fingerprint, :payload, :max_attempts,
        :tokens_in, :tokens_out, :state, :at);

-- name: change_queue_job
-- Revoked from a worker that holds it: that works by the old recipe; its settlement is refused.
UPDATE jobs
SET state = :state, priority = :priority, fingerprint = :fingerprint, payload = :payload,
    max_attempts = :max_attempts, tokens_in = :tokens_in, tokens_out = :tokens_out,
    attempts = 0, not_before = 0, lease = NULL
WHERE id = :id;

-- name: owners_of_outputs
-- The owner of each path. Compared by the caller: SQLite's lower() knows only ASCII letters.
SELECT outputs.path, jobs.kind, jobs.key, jobs.phase
FROM outputs JOIN jobs ON jobs.id = outputs.job;

-- name: forget_other_outputs
DELETE FROM outputs
WHERE job = (SELECT id FROM jobs WHERE kind = :kind AND key = :key) AND path <> :path;

-- name: add_queue_output
INSERT INTO outputs (path, job, bytes, digest, inputs)
SELECT :path, id, :bytes, :digest, :inputs FROM jobs WHERE kind = :kind AND key = :key
ON CONFLICT (path) DO NOTHING;

-- name: drop_outputs_of_job
DELETE FROM outputs WHERE job = :job;

-- name: queue_outputs
-- The paths among these that are outputs of the ledger.
SELECT path FROM outputs WHERE path IN (SELECT value FROM json_each(:paths));

-- name: waiting_in_queue
SELECT id FROM jobs WHERE phase = :phase AND state IN ('pending', 'deselected')
  AND (:key IS NULL OR key = :key);

-- name: next_in_queue
SELECT tokens_in, tokens_out FROM jobs WHERE phase = :phase AND state = 'pending'
ORDER BY priority DESC, id LIMIT 1;

-- name: uncertain_jobs
-- Jobs whose effect may have taken place more often than is recorded; `open` if one is parked
-- and waits for a decision.
SELECT jobs.id, jobs.kind, jobs.key, jobs.state, jobs.uncertain, queues.name AS queue,
       (jobs.state = 'failed' AND queues.policy = 'park') AS open
FROM jobs JOIN queues ON queues.phase = jobs.phase
WHERE jobs.uncertain > 0 ORDER BY jobs.id;

-- name: results
SELECT jobs.key, jobs.payload, jobs.state, jobs.seconds, jobs.attempts, results.value
FROM jobs LEFT JOIN results ON results.job = jobs.id
WHERE jobs.phase = :phase ORDER BY jobs.id;

-- ---------------------------------------------------------------- attempts and results

-- name: export_page
-- Jobs of queues with their results and the totals of all their attempts; `facts` are those of the
-- last attempt, since a bare column beside one max() is from the row that has it.
WITH page AS MATERIALIZED (
    SELECT id, phase, key, state, payload, uncertain, settled_at FROM jobs
    WHERE id > :after AND phase IN (SELECT value FROM json_each(:phases))
      AND (:everything OR state = 'done')
    ORDER BY id LIMIT :limit
)
SELECT page.id, queues.name AS queue, substr(page.key, length(queues.name) + 2) AS key,
       page.state, page.payload, page.uncertain,
       CASE WHEN page.state IN ('done', 'failed') THEN page.settled_at END AS settled_at,
       CASE WHEN page.state = 'done' THEN results.value END AS result,
       CASE WHEN page.state = 'done'
            THEN (SELECT min(path) FROM outputs WHERE outputs.job = page.id) END AS output,
       count(attempts.id) AS attempts, coalesce(sum(attempts.seconds), 0.0) AS seconds,
       coalesce(sum(attempts.tokens_in), 0) AS tokens_in,
       coalesce(sum(attempts.tokens_out), 0) AS tokens_out,
       coalesce(sum(attempts.money), 0) AS money,
       max(attempts.id) AS last, coalesce(attempts.facts, '{}') AS facts
FROM page
JOIN queues ON queues.phase = page.phase
LEFT JOIN results ON results.job = page.id
LEFT JOIN attempts ON attempts.job = page.id
GROUP BY page.id
ORDER BY page.id;

-- name: count_runs
SELECT count(*) AS runs, min(started_at) AS first FROM runs;

-- name: settled_span
-- When the first and the last job was settled since then; in queues every attempt counts.
SELECT min(at) AS first, max(at) AS last
FROM (
    SELECT settled_at AS at FROM jobs WHERE phase < FIRST_QUEUE AND state IN ('done', 'failed')
    UNION ALL
    SELECT started_at + seconds FROM attempts
)
WHERE at >= :since;

-- name: settled_over_time
-- How many were settled in each stretch of `width` seconds since then, and how many of them done.
SELECT CAST(at / :width AS INTEGER) AS stretch, sum(done) AS done, count(*) AS settled
FROM (
    SELECT settled_at AS at, state = 'done' AS done FROM jobs
    WHERE phase < FIRST_QUEUE AND state IN ('done', 'failed')
    UNION ALL
    SELECT started_at + seconds, outcome = 'done' FROM attempts
)
WHERE at >= :since
GROUP BY stretch
ORDER BY stretch;

-- name: durations
-- The last attempt of pages, every attempt of queues' jobs; a worker that died left no duration.
SELECT phase, kind, seconds FROM jobs WHERE phase < FIRST_QUEUE AND seconds IS NOT NULL
UNION ALL
SELECT jobs.phase, jobs.kind, attempts.seconds FROM attempts JOIN jobs ON jobs.id = attempts.job
WHERE attempts.outcome <> 'uncertain' OR attempts.seconds > 0;

-- name: latest_attempts
-- Those of the last run that has any, the latest first.
SELECT attempts.run, coalesce(workers.number, attempts.worker) AS worker, jobs.key,
       attempts.started_at, attempts.seconds, attempts.outcome
FROM attempts
JOIN jobs ON jobs.id = attempts.job
LEFT JOIN workers ON workers.id = attempts.worker
WHERE attempts.run = (SELECT run FROM attempts WHERE run > 0 ORDER BY id DESC LIMIT 1)
ORDER BY attempts.id DESC
LIMIT :limit;

-- name: latest_failures
-- The latest first; `final` if the job has failed permanently, for this reason.
SELECT coalesce(queues.name, '') AS queue, jobs.kind, jobs.key, failures.job, failures.attempt,
       failures.worker, failures.at, failures.what, failures.context, failures.remedy,
       (jobs.state = 'failed' AND NOT EXISTS
            (SELECT 1 FROM failures AS later
             WHERE later.job = failures.job AND later.id > failures.id)) AS final
FROM failures
JOIN jobs ON jobs.id = failures.job
LEFT JOIN queues ON queues.phase = jobs.phase
ORDER BY failures.id DESC
LIMIT :limit;

-- name: attempts_by_outcome
SELECT jobs.phase, attempts.outcome, count(*) AS tries, sum(attempts.seconds) AS seconds,
       sum(attempts.tokens_in) AS tokens_in, sum(attempts.tokens_out) AS tokens_out
FROM attempts JOIN jobs ON jobs.id = attempts.job
GROUP BY jobs.phase, attempts.outcome
ORDER BY jobs.phase, attempts.outcome;

-- name: uncertain_counts
SELECT phase, count(*) AS n FROM jobs WHERE uncertain > 0 GROUP BY phase;

-- name: latest_rate_changes
-- The latest changes of a queue's rate, newest first.
SELECT at, per_second, why FROM rate_changes WHERE queue = :phase ORDER BY id DESC LIMIT :limit;

-- name: widths
-- How many vectors of each width a queue of embeddings has as results.
SELECT json_array_length(results.value) AS width, count(*) AS jobs
FROM results JOIN jobs ON jobs.id = results.job
WHERE jobs.phase = :phase GROUP BY width;
