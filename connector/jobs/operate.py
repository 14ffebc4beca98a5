"""Verbs of operators about whole queues and hosts. Each is a row, so it survives everything.

`by`: who does it; `reason`: why. Repeating a verb is harmless.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.db.schema import schema_info
from connector.jobs.errors import NoSuchQueue
from connector.jobs.tables import drained_hosts, jobs, queues, workers


def pause_queue(tx: Tx, queue: str, by: str, reason: str | None = None) -> None:
    """Have nothing of a queue claimed until it is resumed; runs go on. Raises NoSuchQueue."""
    _change(tx, queue, {"paused": True}, by, reason)


def resume_queue(tx: Tx, queue: str, by: str, reason: str | None = None) -> None:
    """Have a queue's jobs claimed again. Raises NoSuchQueue."""
    _change(tx, queue, {"paused": False}, by, reason)


def set_paused(tx: Tx, queue: str, paused: bool, by: str, reason: str | None = None) -> None:
    """Pause or resume a queue that is known to be one, also before any worker has served it."""
    row = {"queue": queue, "paused": False, "changed_at": tx.now, "changed_by": by}
    tx.execute(tx.dialect.insert_new(queues).values(row))
    _change(tx, queue, {"paused": paused}, by, reason)


def pause_all(tx: Tx, by: str, reason: str, but: Collection[str] = ()) -> list[str]:
    """Pause every queue that has a row, but for some; return the names of those that are paused."""
    ours = queues.c.queue.notin_(but)
    told = {"paused": True, "changed_at": tx.now, "changed_by": by, "reason": reason}
    tx.execute(sa.update(queues).where(ours).values(told))
    return list(tx.execute(sa.select(queues.c.queue).where(ours).order_by("queue")).scalars())


def limit_queue(tx: Tx, queue: str, most: int | None, by: str, reason: str | None = None) -> None:
    """Let at most so many jobs of a queue run at once in the whole cluster; None: no limit.

    What runs beyond it goes on to its end. Raises NoSuchQueue, or ValueError for less than 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"a limit is 1 or more, not {most}; to let nothing run, pause the queue")
    _change(tx, queue, {"max_running": most}, by, reason)


def drain(tx: Tx, host: str, by: str, reason: str | None = None) -> None:
    """Have a host's workers claim nothing, also after a restart, until `undrain`."""
    row = {"host": host, "drained_at": tx.now, "drained_by": by, "reason": reason}
    tx.execute(tx.dialect.insert_new(drained_hosts).values(row))


def undrain(tx: Tx, host: str) -> bool:
    """Have a drained host's workers claim again. False if it was not drained."""
    gone = sa.delete(drained_hosts).where(drained_hosts.c.host == host)
    return bool(tx.execute(gone).rowcount)


def restored(tx: Tx, environment: str, by: str) -> Sequence[Any]:
    """Make a restored copy safe: every queue paused, no worker left, the deployment's name ours.

    Returns the jobs that have not ended: token, queue, state, attempt, queued_at, oldest first.
    """
    waiting = sa.select(jobs.c.queue).where(jobs.c.ended_at.is_(None)).distinct()
    told = {"paused": True, "changed_at": tx.now, "changed_by": by}
    for queue in tx.execute(waiting).scalars().all():
        tx.execute(tx.dialect.insert_new(queues).values(queue=queue, **told))
    pause_all(tx, by, "restored")
    tx.execute(sa.delete(workers))
    tx.execute(sa.update(schema_info).values(environment=environment or None))
    columns = (jobs.c.token, jobs.c.queue, jobs.c.state, jobs.c.attempt, jobs.c.queued_at)
    open_jobs = sa.select(*columns).where(jobs.c.ended_at.is_(None)).order_by(jobs.c.token)
    return tx.execute(open_jobs).all()


def _change(tx: Tx, queue: str, values: Mapping[str, Any], by: str, reason: str | None) -> None:
    told = {"changed_at": tx.now, "changed_by": by, "reason": reason}
    changed = tx.execute(
        sa.update(queues).where(queues.c.queue == queue).values({**values, **told})
    )
    if not changed.rowcount:
        known = tx.execute(sa.select(queues.c.queue).order_by(queues.c.queue)).scalars().all()
        raise NoSuchQueue(queue, known)
