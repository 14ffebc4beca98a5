"""The rows of the table: what is measured beside what, and what is wanted of it."""

from benchmarks.table import OURS, Figure, Row, Wanted

DRAIN = Figure("drain", "drain.rate")
EMPTY = (Wanted(0.9, OURS, DRAIN, "the empty case"),)
WITHIN = 100.0
"""Milliseconds within which what is urgent begins, and that no short action stands back."""

ROWS = (
    Row(
        "drain, one worker, actions/s",
        DRAIN,
        (Wanted(1.2, "graphile"), Wanted(2.0, "pgqueuer")),
        limit=DRAIN,
    ),
    Row("drain with many queued behind, actions/s", Figure("backlog", "backlog500k.rate"), EMPTY),
    Row(
        "drain with many delayed at a higher priority, actions/s",
        Figure("delayed", "rate", "delayed"),
        (Wanted(0.9, OURS, Figure("delayed", "rate", "empty"), "the empty case"),),
    ),
    Row("drain beside many finished, actions/s", Figure("finished", "history1M.rate"), EMPTY),
    Row(
        "enqueue, one commit each, one producer, /s",
        Figure("enqueue", "enq1.rate"),
        (Wanted(1800),),
        limit=Figure("enqueue", "enq1.rate"),
    ),
    Row(
        "enqueue, one commit each, eight producers, /s",
        Figure("enqueue", "enq8.rate"),
        (Wanted(6000),),
        limit=Figure("enqueue", "enq8.rate"),
    ),
    Row(
        "enqueue in bulk, rows/s",
        Figure("enqueue", "bulk.rate"),
        (Wanted(80_000),),
        limit=Figure("limits", "rate", "copy"),
    ),
    Row(
        "enqueue to start of the handler, idle worker, p50, ms",
        Figure("latency", "lat.p50"),
        (Wanted(0.9),),
        most=True,
    ),
    Row(
        "enqueue to start of the handler, idle worker, p99, ms",
        Figure("latency", "lat.p99"),
        (Wanted(3.0),),
        most=True,
    ),
    Row("idle worker, transactions/s", Figure("idle", "idle.xact_s"), (Wanted(1.0),), most=True),
    Row("idle worker, CPU %", Figure("idle", "idle.cpu_pct"), (Wanted(0.3),), most=True),
    Row("idle `serve`, transactions/s", Figure("idle-serve", "xact_s", "serve"), most=True),
    Row("idle `serve`, CPU %", Figure("idle-serve", "cpu_pct", "serve"), (Wanted(0.3),), most=True),
    Row(
        "drain while a snapshot is held ÷ without it",
        Figure("snapshot", "mvcc2.ratio"),
        (Wanted(0.95),),
    ),
    Row("the same by one worker that runs on", Figure("urgent", "ratio"), (Wanted(0.95),)),
    Row(
        "snapshot held: an urgent action starts after, ms",
        Figure("urgent", "held_urgent_ms"),
        (Wanted(WITHIN),),
        most=True,
    ),
    Row(
        "snapshot held: a released action starts after, ms",
        Figure("urgent", "held_released_ms"),
        (Wanted(WITHIN),),
        most=True,
    ),
    Row(
        "WAL an action, stored in bulk, B",
        Figure("wal", "bytes", "bulk"),
        (Wanted(1200),),
        most=True,
    ),
    Row(
        "WAL an action, stored one by one, B",
        Figure("wal", "bytes", "one by one"),
        (Wanted(1200),),
        most=True,
    ),
    Row(
        "SQLite, synchronous=FULL, drain, actions/s",
        Figure("sqlite", "rate"),
        (Wanted(20_000),),
        limit=Figure("limits", "rate", "sqlite"),
    ),
    Row(
        "kill -9 of all to the handler running again, s",
        Figure("kill-all", "secs"),
        (Wanted(1.0),),
        peers=Figure("kill", "kill_default.secs"),
        most=True,
    ),
    Row("kill -9 of the first process's group, s", Figure("kill", "kill_default.secs"), most=True),
    Row("kill -9 of that group, fastest settings, s", Figure("kill", "kill_fast.secs"), most=True),
    Row(
        "longest that a short action stands back for a long one, ms",
        Figure("fairness", "longest_delay_ms", "one long"),
        (Wanted(WITHIN),),
        most=True,
    ),
)
"""Figures of which less is better say so by `most`. The rig's names are as it gives them."""
