"""Verbs about several jobs, and the copy of one."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import fence
from connector.jobs.errors import NoSuchJob, WrongState
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs


def each(
    tx: Tx, tokens: Sequence[str], change: Callable[..., State], by: str, reason: str | None = None
) -> list[tuple[str, State]]:
    """Do a verb of `requests` to each job. Returns those that it has changed, and their states.

    One that is so already, has moved on meanwhile, is gone, or is locked by somebody else, is
    passed over.
    """
    locked = fence.locked(tx, tokens)
    before = _standing(tx, tokens)
    done = []
    for token in tokens:
        if token in locked:
            continue
        try:
            done.append((token, change(tx, token=token, by=by, reason=reason)))
        except (NoSuchJob, WrongState):
            continue
    now = _standing(tx, tokens)
    return [(token, state) for token, state in done if now.get(token) != before.get(token)]


def copy_of(tx: Tx, token: str, copy: str, by: str) -> NewJob:
    """Return a new job with the parameters, tasks and priority of another, whatever its state.

    `copy`: its token; `by`: who has it made. Raises NoSuchJob.
    """
    names = "queue parameters tasks task_key priority action_id config_hash".split()
    columns = [jobs.c[name] for name in names]
    row = tx.execute(sa.select(*columns).where(jobs.c.token == token)).first()
    if row is None:
        raise NoSuchJob(token)
    tasks = tuple(row.tasks.split(",")) if row.tasks else ()
    return NewJob(
        copy,
        row.queue,
        row.parameters,
        None if row.task_key is None else tasks,
        priority=row.priority,
        submitted_by=by,
        action_id=row.action_id,
        config_hash=row.config_hash,
        copy_of=token,
    )


def _standing(tx: Tx, tokens: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Return what the verbs may change of jobs, by token."""
    columns = (jobs.c.token, jobs.c.state, jobs.c.requested, jobs.c.priority)
    rows = tx.execute(sa.select(*columns).where(jobs.c.token.in_(tokens)))
    return {row.token: tuple(row) for row in rows}
