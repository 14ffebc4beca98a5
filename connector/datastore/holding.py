"""Who may write a task's rows: one run in the whole cluster, fenced by token and attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.datastore.errors import HolderLost
from connector.datastore.tables import tasks
from connector.db.engine import Tx


@dataclass(frozen=True, slots=True)
class Holder:
    """The run that holds a task."""

    task: str
    token: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a task's row says when a run takes hold of it."""

    checkpoint: Mapping[str, Any] | None
    """Where this run goes on; None if it begins, or is complete."""
    counts: Mapping[str, Any]
    """What this run has counted so far."""
    complete: bool
    """Whether this run has walked the whole task already."""
    now: datetime
    """The database's clock."""


def hold(tx: Tx, holder: Holder) -> Held:
    """Take hold of a task, from whoever held it before.

    To be called in one transaction with the check that the caller's job is still its own.
    """
    tx.execute(tx.dialect.insert_new(tasks).values(task=holder.task))
    # What another run has left there is not even read: it may be of another version.
    mine = sa.func.coalesce(tasks.c.run_token == holder.token, sa.false())
    (row,) = tx.change(
        tasks,
        tasks.c.task == holder.task,
        {"holder_token": holder.token, "holder_attempt": holder.attempt, "held_at": tx.now},
        mine.label("mine"),
        sa.case((mine, tasks.c.checkpoint)).label("checkpoint"),
        sa.case((mine, tasks.c.counts)).label("counts"),
        tasks.c.held_at,
    )
    if not row.mine:
        return Held(None, {}, False, row.held_at)
    return Held(row.checkpoint, row.counts or {}, row.checkpoint is None, row.held_at)


def record(
    tx: Tx,
    holder: Holder,
    checkpoint: Mapping[str, Any] | None,
    counts: Mapping[str, Any],
) -> None:
    """Store how far the holder's run is; no checkpoint means that it is complete.

    Locks the task's row, so whatever else the transaction writes is fenced too. Raises HolderLost.
    """
    values: dict[str, object] = {
        "run_token": holder.token,
        "checkpoint": dict(checkpoint) if checkpoint is not None else None,
        "counts": dict(counts),
    }
    if checkpoint is None:
        values["completed_at"] = tx.now
    changed = tx.execute(
        sa.update(tasks)
        .where(
            tasks.c.task == holder.task,
            tasks.c.holder_token == holder.token,
            tasks.c.holder_attempt == holder.attempt,
        )
        .values(values)
    )
    if not changed.rowcount:
        raise HolderLost(f"task {holder.task} is held by another run")
