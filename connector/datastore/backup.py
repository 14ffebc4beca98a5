"""What a backup holds of the datastore, and how a task's state is put back from it."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from connector.datastore.holding import Holder, hold, record
from connector.datastore.tables import task_items, task_rooms, tasks
from connector.db.copying import Row, insert, keys_of, rows, values
from connector.db.engine import Tx

UNDER_WAY = {"restoring": True}
"""Checkpoint of a task whose state is being put back; no fetch reads that of another run."""


def tables(tx: Tx) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield each table's name and rows, those of one task together, in the same order."""
    yield tasks.name, rows(tx, tasks, tasks.c.task)
    for table, key in ((task_rooms, task_rooms.c.room_id), (task_items, task_items.c.reference)):
        yield table.name, _by_task(tx, table, key)


def _by_task(tx: Tx, table: sa.Table, key: sa.Column[Any]) -> Iterator[Row]:
    for task in keys_of(tx, table.c.task):
        yield from rows(tx, table, key, table.c.task == task)


class Found(Enum):
    """What stands where a task's state is to be put back."""

    NOTHING = auto()
    """Nothing, or what the same restore has begun: the holder has hold of it now."""
    RESTORED = auto()
    """All that this restore was to put there."""
    OTHER = auto()
    """What a fetch has left there, which stays."""


def take(tx: Tx, holder: Holder) -> Found:
    """Take hold of a task, unless it has a state already.

    To be called in one transaction with the check that the caller's job is still its own.
    """
    tx.execute(tx.dialect.insert_new(tasks).values(task=holder.task))
    row = tx.execute(sa.select(tasks).where(tasks.c.task == holder.task).with_for_update()).one()
    if row.run_token != holder.token:
        if row.holder_token == holder.token:
            return Found.RESTORED
        if (
            row.run_token is not None
            or _has(tx, task_rooms, holder)
            or _has(tx, task_items, holder)
        ):
            return Found.OTHER
    hold(tx, holder)
    record(tx, holder, UNDER_WAY, {})
    return Found.NOTHING


def put(tx: Tx, holder: Holder, table: sa.Table, saved: Sequence[Row]) -> None:
    """Store rooms or items of a task that is held. Raises HolderLost, ValueError."""
    record(tx, holder, UNDER_WAY, {})
    insert(tx, table, [values(table, row) for row in saved], new=True)


def complete(tx: Tx, holder: Holder, saved: Row) -> None:
    """Store a task's own row, when all that belongs to it is there. Raises HolderLost."""
    record(tx, holder, UNDER_WAY, {})
    given: Mapping[str, Any] = values(tasks, saved)
    names = ("run_token", "checkpoint", "counts", "completed_at")
    mine = sa.update(tasks).where(tasks.c.task == holder.task)
    tx.execute(mine.values({name: given[name] for name in names}))


def forget(tx: Tx, holder: Holder, most: int = 500) -> int:
    """Remove a batch of what a task has seen and sent; 0 when nothing is left, its row neither.

    Rooms go first: what has none is walked from its top. Raises HolderLost.
    """
    record(tx, holder, UNDER_WAY, {})
    for table, key in ((task_rooms, task_rooms.c.room_id), (task_items, task_items.c.reference)):
        mine = table.c.task == holder.task
        some = tx.execute(sa.select(key).where(mine).order_by(key).limit(most)).scalars().all()
        if some:
            tx.execute(sa.delete(table).where(mine, key.in_(some)))
            return len(some)
    tx.execute(sa.delete(tasks).where(tasks.c.task == holder.task))
    return 0


def known(tx: Tx) -> list[str]:
    """Return the names of all tasks that have a state."""
    return list(tx.execute(sa.select(tasks.c.task).order_by(tasks.c.task)).scalars())


def _has(tx: Tx, table: sa.Table, holder: Holder) -> bool:
    first = sa.select(table.c.task).where(table.c.task == holder.task).limit(1)
    return tx.execute(first).first() is not None
