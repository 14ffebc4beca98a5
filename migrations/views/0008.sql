-- The view of revision 0008; words with @ are those of revision 0004. What has no key for its
-- secrets says how to give it one: its reason is the text of connector/actions/sealing.py.

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
        WHEN 'not due' THEN CASE WHEN (
                SELECT e.reason FROM job_events e
                WHERE e.token = f.token AND e.event IN ('release', 'retry')
                ORDER BY e.id DESC LIMIT 1
            ) LIKE '%([Paths] KeyFile)%' THEN 'put the key file ([Paths] KeyFile) of the other hosts '
                || 'there; the action is tried again by itself'
            ELSE 'nothing to do' END
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
