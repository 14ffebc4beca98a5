-- The views of revision 0004, one text for all engines: what begins with @ is written for each engine
-- by the migration. "-- view NAME: comment" begins each.

-- view worker_status: Workers that hold a lease, whether they claim, and if not why
SELECT
    w.id, w.host, w.pid, w.program, w.started_at, w.lease_seconds,
    @age(w.beat_at) AS silent_seconds,
    CASE
        WHEN @age(w.beat_at) > coalesce(w.lease_seconds, 15) THEN 'silent'
        WHEN w.environment <> i.environment
            OR (w.environment IS NULL AND i.environment IS NOT NULL)
            OR (w.environment IS NOT NULL AND i.environment IS NULL) THEN 'of another environment'
        WHEN d.host IS NOT NULL THEN 'drained'
        ELSE 'claiming'
    END AS state,
    (
        SELECT count(*) FROM @open_jobs(r)
        WHERE r.state = 'running' AND r.state IN ('queued', 'running', 'paused')
            AND r.worker_id = w.id
    ) AS running,
    w.serves
FROM workers w
JOIN schema_info i ON i.id = 1
LEFT JOIN drained_hosts d ON d.host = w.host

-- view queue_status: Each queue: what waits, runs and is held, since when, and who works on it
SELECT
    n.queue,
    coalesce(q.paused, @false) AS paused,
    q.max_running,
    coalesce(c.queued, 0) AS queued,
    coalesce(c.due, 0) AS due,
    coalesce(c.running, 0) AS running,
    coalesce(c.held, 0) AS held,
    @age(c.oldest_due) AS oldest_due_seconds,
    (
        SELECT count(*) FROM worker_status w
        WHERE w.state = 'claiming' AND @serves(w.serves, n.queue)
    ) AS workers,
    q.changed_at, q.changed_by, q.reason
FROM (
    SELECT queue FROM queues
    UNION
    SELECT queue FROM jobs WHERE state IN ('queued', 'running', 'paused')
) n
LEFT JOIN queues q ON q.queue = n.queue
LEFT JOIN (
    SELECT
        queue,
        sum(CASE WHEN state = 'queued' THEN 1 ELSE 0 END) AS queued,
        sum(CASE WHEN state = 'queued' AND run_at <= @now THEN 1 ELSE 0 END) AS due,
        sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END) AS running,
        sum(CASE WHEN state = 'paused' THEN 1 ELSE 0 END) AS held,
        min(CASE WHEN state = 'queued' AND run_at <= @now THEN run_at END) AS oldest_due
    FROM jobs WHERE state IN ('queued', 'running', 'paused') GROUP BY queue
) c ON c.queue = n.queue

-- view running_jobs: Actions that run: since when, where, how far, and what was asked of them
SELECT
    j.token, j.queue, j.attempt, j.started_at,
    @age(j.started_at) AS running_seconds,
    p.progress,
    @age(p.updated_at) AS progress_age_seconds,
    j.requested, j.requested_by, j.requested_at, j.requested_reason,
    w.host, w.pid, j.worker_id,
    @age(w.beat_at) AS silent_seconds,
    j.priority, j.failures, j.losses, j.tasks, j.parameters, j.submitted_by, j.action_id
FROM @open_jobs(j)
LEFT JOIN workers w ON w.id = j.worker_id
LEFT JOIN job_progress p ON p.token = j.token
WHERE j.state = 'running' AND j.state IN ('queued', 'running', 'paused')

-- view recent_failures: Actions that failed in the last day, and why
SELECT
    token, queue, ended_at, error, attempt, failures, losses,
    @seconds(started_at, ended_at) AS ran_seconds,
    tasks, parameters, submitted_by, action_id
FROM jobs
WHERE state = 'failed' AND ended_at > @day_ago

-- view slow_jobs: Actions running now, or ended in the last day, that took over twice the mean of their queue
SELECT
    s.token, s.queue, s.state, s.started_at, s.ran_seconds,
    u.mean_seconds, u.finished,
    s.ran_seconds / u.mean_seconds AS times_mean
FROM (
    SELECT token, queue, state, started_at, @seconds(started_at, @now) AS ran_seconds
    FROM @open_jobs(o)
    WHERE state = 'running' AND state IN ('queued', 'running', 'paused')
    UNION ALL
    SELECT token, queue, state, started_at, @seconds(started_at, ended_at)
    FROM jobs
    WHERE state IN ('finished', 'failed', 'stopped') AND ended_at > @day_ago
) s
JOIN (
    SELECT queue, avg(@seconds(started_at, ended_at)) AS mean_seconds, count(*) AS finished
    FROM jobs WHERE state = 'finished' AND ended_at > @day_ago GROUP BY queue
) u ON u.queue = s.queue
WHERE s.ran_seconds > 2 * u.mean_seconds AND u.mean_seconds > 0

-- view job_status: What each action is doing or waits for, and the command that changes it
SELECT
    f.token, f.queue, f.state, f.cause,
    CASE f.cause
        WHEN 'worker gone' THEN 'the worker that ran it is gone: it runs again'
        WHEN 'worker silent' THEN 'its worker on ' || f.host || ', pid ' || f.pid
            || ', has been silent for ' || @age(f.beat_at) || ' s, which is longer than its lease: '
            || 'it runs again'
        WHEN 'running' THEN 'it has been running for ' || @age(f.started_at) || ' s on '
            || f.host || ', pid ' || f.pid || ', attempt ' || f.attempt
        WHEN 'asked to stop' THEN coalesce(f.requested_by, 'somebody') || ' asked it to stop '
            || @age(f.requested_at) || ' s ago; its worker ends it, by force if need be'
        WHEN 'asked to pause' THEN coalesce(f.requested_by, 'somebody') || ' asked it to pause '
            || @age(f.requested_at) || ' s ago; it ends when it has saved where it is'
        WHEN 'finished' THEN 'it finished at ' || @utc(f.ended_at) || ' UTC'
        WHEN 'failed' THEN 'it failed at ' || @utc(f.ended_at) || ' UTC: '
            || coalesce(f.error, 'no reason is known')
        WHEN 'stopped' THEN 'it was stopped at ' || @utc(f.ended_at) || ' UTC by '
            || coalesce(f.requested_by, f.changed_by)
        WHEN 'cancelled' THEN 'it was cancelled at ' || @utc(f.ended_at) || ' UTC: '
            || f.changed_by
        WHEN 'paused' THEN 'it is paused: ' || coalesce((
                SELECT e.actor || coalesce(': ' || e.reason, '') FROM job_events e
                WHERE e.token = f.token AND e.event IN ('hold', 'pause requested')
                ORDER BY e.id DESC LIMIT 1
            ), f.changed_by)
        WHEN 'queue paused' THEN 'its queue is paused by ' || f.queue_changed_by
            || coalesce(': ' || f.queue_reason, '')
        WHEN 'not due' THEN 'it is not due before ' || @utc(f.run_at) || ' UTC, in '
            || (0 - @age(f.run_at)) || ' s'
            || CASE WHEN f.failures > 0 THEN ', after ' || f.failures || ' failures' ELSE '' END
            || coalesce((
                SELECT ': ' || e.reason FROM job_events e
                WHERE e.token = f.token AND e.event IN ('release', 'retry')
                ORDER BY e.id DESC LIMIT 1
            ), '')
        WHEN 'nobody serves it' THEN coalesce(
            'no worker that serves the queue claims: ' || (
                SELECT min(w.host || ' is ' || w.state) FROM worker_status w
                WHERE @serves(w.serves, f.queue)
            ),
            'no worker is registered that serves the queue ' || f.queue)
        WHEN 'task unknown' THEN 'no worker knows all of its tasks: ' || f.tasks
        WHEN 'limit full' THEN 'the queue may run ' || f.max_running
            || ' at once in the whole cluster, and does'
        WHEN 'task busy' THEN 'a task of it is taken by ' || (
                SELECT t.token FROM job_tasks t
                WHERE t.token <> f.token AND @listed(f.tasks, t.task) ORDER BY t.task LIMIT 1
            ) || ', which has not ended'
        WHEN 'row locked' THEN 'its row is locked by ' || @locker(f.locked_in)
        WHEN 'behind others' THEN 'it waits behind others of its queue; the first of them is ' || (
                SELECT o.token FROM jobs o
                WHERE o.state = 'queued' AND o.state IN ('queued', 'running', 'paused')
                    AND o.queue = f.queue
                ORDER BY o.@rank, o.token LIMIT 1
            )
        ELSE 'it is next: a slot that comes free takes it'
    END AS explanation,
    CASE f.cause
        WHEN 'worker gone' THEN CASE WHEN f.served THEN 'nothing to do'
            ELSE 'webex-connector work' END
        WHEN 'worker silent' THEN CASE WHEN f.served THEN 'nothing to do'
            ELSE 'webex-connector work' END
        WHEN 'running' THEN 'webex-connector stop ' || f.token
        WHEN 'asked to stop' THEN 'nothing to do'
        WHEN 'asked to pause' THEN 'webex-connector resume ' || f.token
        WHEN 'finished' THEN 'nothing to do'
        WHEN 'failed' THEN 'webex-connector retry ' || f.token
        WHEN 'stopped' THEN 'webex-connector retry ' || f.token
        WHEN 'cancelled' THEN 'webex-connector retry ' || f.token
        WHEN 'paused' THEN 'webex-connector resume ' || f.token
        WHEN 'queue paused' THEN 'webex-connector resume --queue ' || f.queue
        WHEN 'not due' THEN 'nothing to do'
        WHEN 'nobody serves it' THEN coalesce((
                SELECT CASE min(w.state)
                    WHEN 'drained' THEN 'webex-connector drain ' || min(w.host) || ' --undo'
                    WHEN 'of another environment' THEN 'set [Server] Environment there'
                    END
                FROM worker_status w WHERE @serves(w.serves, f.queue)
            ), 'webex-connector work')
        WHEN 'task unknown' THEN 'webex-connector check'
        WHEN 'limit full' THEN 'webex-connector limit ' || f.queue || ' none'
        WHEN 'task busy' THEN 'webex-connector why ' || (
                SELECT t.token FROM job_tasks t
                WHERE t.token <> f.token AND @listed(f.tasks, t.task) ORDER BY t.task LIMIT 1
            )
        WHEN 'row locked' THEN @end_locker(f.locked_in)
        WHEN 'behind others' THEN 'webex-connector prioritise ' || f.token || ' 1'
        ELSE 'nothing to do'
    END AS remedy
FROM (
    SELECT
        j.token, j.queue, j.state, j.attempt, j.failures, j.@rank, j.run_at, j.tasks,
        j.started_at, j.ended_at, j.requested_at, j.requested_by, j.error, j.changed_by,
        w.host, w.pid, w.beat_at, q.max_running,
        EXISTS (
            SELECT 1 FROM worker_status s
            WHERE s.state = 'claiming' AND @serves(s.serves, j.queue)
        ) AS served,
        q.changed_by AS queue_changed_by, q.reason AS queue_reason,
        @locked_in(j) AS locked_in,
        CASE
            WHEN j.state = 'running' AND w.id IS NULL THEN 'worker gone'
            WHEN j.state = 'running' AND @age(w.beat_at) > coalesce(w.lease_seconds, 15)
                THEN 'worker silent'
            WHEN j.state = 'running' AND j.requested = 'stop' THEN 'asked to stop'
            WHEN j.state = 'running' AND j.requested = 'pause' THEN 'asked to pause'
            WHEN j.state <> 'queued' THEN j.state
            WHEN q.paused THEN 'queue paused'
            WHEN j.run_at > @now AND j.run_at > j.queued_at THEN 'not due'
            WHEN NOT EXISTS (
                SELECT 1 FROM worker_status s
                WHERE s.state = 'claiming' AND @serves(s.serves, j.queue)
            ) THEN 'nobody serves it'
            WHEN j.tasks IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM worker_status s
                WHERE s.state = 'claiming' AND @serves(s.serves, j.queue)
                    AND @knows(s.serves, j.tasks)
            ) THEN 'task unknown'
            WHEN q.max_running <= (
                SELECT count(*) FROM @open_jobs(r)
                WHERE r.state = 'running' AND r.state IN ('queued', 'running', 'paused')
                    AND r.queue = j.queue
            ) THEN 'limit full'
            WHEN j.tasks IS NOT NULL AND EXISTS (
                SELECT 1 FROM job_tasks t
                WHERE t.token <> j.token AND @listed(j.tasks, t.task)
            ) THEN 'task busy'
            WHEN @is_locked(j) THEN 'row locked'
            WHEN EXISTS (
                SELECT 1 FROM jobs o
                WHERE o.state = 'queued' AND o.state IN ('queued', 'running', 'paused')
                    AND o.queue = j.queue AND o.@rank < j.@rank
            ) THEN 'behind others'
            ELSE 'next'
        END AS cause
    FROM jobs j
    LEFT JOIN queues q ON q.queue = j.queue
    LEFT JOIN workers w ON w.id = j.worker_id
) f

-- view why_queued: Actions that wait: for what, for how long, and the command that changes it
SELECT
    s.token, s.queue, s.state, j.priority, j.queued_at, j.run_at,
    @age(j.queued_at) AS waiting_seconds,
    s.cause, s.explanation, s.remedy
FROM jobs j
JOIN job_status s ON s.token = j.token
WHERE j.state IN ('queued', 'paused') AND j.state IN ('queued', 'running', 'paused')
