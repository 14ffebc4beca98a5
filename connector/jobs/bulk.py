"""Verbs about several jobs, and the copy of one."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import fence
from connector.jobs.errors import NoSuchJob, WrongState
from connector.jobs.events import record
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.submit import AGEING_STEP, submit
from connector.jobs.tables import jobs


def each(
    tx: Tx, tokens: Sequence[str], change: Callable[..., State], by: str, reason: str | None = None
) -> list[tuple[str, State]]:
    """Do a verb of `requests` to each job. Returns those it was done to, and their states then.

    One that has moved on meanwhile, is gone, or is locked by somebody else, is passed over.
    """
    locked = fence.locked(tx, tokens)
    done = []
    for token in tokens:
        if token in locked:
            continue
        try:
            done.append((token, change(tx, token=token, by=by, reason=reason)))
        except (NoSuchJob, WrongState):
            continue
    return done


def duplicate(tx: Tx, token: str, copy: str, by: str, ageing_step: float = AGEING_STEP) -> State:
    """Store a job with the parameters, tasks and priority of another, whatever state that is in.

    `copy`: its token. Repeating the call changes nothing. Raises NoSuchJob.
    """
    names = "queue parameters tasks task_key priority action_id config_hash".split()
    columns = [jobs.c[name] for name in names]
    row = tx.execute(sa.select(*columns).where(jobs.c.token == token)).first()
    if row is None:
        raise NoSuchJob(token)
    if tx.execute(sa.select(jobs.c.token).where(jobs.c.token == copy)).first() is not None:
        return State.QUEUED
    on_tasks = row.task_key is not None
    tasks = tuple(row.tasks.split(",")) if row.tasks else ()
    new = NewJob(
        copy,
        row.queue,
        row.parameters,
        tasks if on_tasks else None,
        priority=row.priority,
        submitted_by=by,
        action_id=row.action_id,
        config_hash=row.config_hash,
    )
    submit(tx, [new], ageing_step)
    record(tx, copy, "duplicate", by, target=State.QUEUED, reason=f"copy of {token}")
    return State.QUEUED
