"""What a task has delivered: rooms walked and documents sent. Writes follow `holding.record`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from connector.datastore.tables import task_items, task_rooms
from connector.db.engine import Tx

BATCH = 500
"""Keys named in one statement."""


@dataclass(frozen=True, slots=True)
class Item:
    """A delivered document. `created`: when its message was; text order is time order."""

    reference: str
    room_id: str
    parent: str | None
    created: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class WalkedRoom:
    """A room as it was when last walked to its end."""

    room_id: str
    title: str
    last_activity: str | None
    newest: str | None
    walked_by: str
    """Token of the run that did."""


def rooms(tx: Tx, task: str) -> dict[str, WalkedRoom]:
    """Return the rooms that a task has walked, by id."""
    c = task_rooms.c
    columns = (c.room_id, c.title, c.last_activity, c.newest, c.walked_by)
    rows = tx.execute(sa.select(*columns).where(c.task == task))
    return {row.room_id: WalkedRoom(**row._mapping) for row in rows}


def items(tx: Tx, task: str, room_id: str, lower: str, upper: str | None) -> dict[str, Item]:
    """Return a room's delivered documents created from `lower` to `upper`, both included.

    By reference; None as `upper` sets no bound.
    """
    c = task_items.c
    select = sa.select(c.reference, c.room_id, c.parent, c.created, c.fingerprint).where(
        c.task == task, c.room_id == room_id, c.created >= lower
    )
    if upper is not None:
        select = select.where(c.created <= upper)
    return {row.reference: Item(**row._mapping) for row in tx.execute(select)}


def put(tx: Tx, task: str, new: Sequence[Item], changed: Sequence[Item]) -> None:
    """Store documents that were delivered for the first time, and those delivered anew."""
    remove(tx, task, [item.reference for item in changed])
    rows = [{"task": task, **asdict(item)} for item in (*new, *changed)]
    if rows:
        tx.execute(tx.dialect.insert_new(task_items), rows)


def remove(tx: Tx, task: str, references: Sequence[str]) -> None:
    """Forget documents that were delivered as deleted."""
    c = task_items.c
    for begin in range(0, len(references), BATCH):
        some = references[begin : begin + BATCH]
        tx.execute(sa.delete(task_items).where(c.task == task, c.reference.in_(some)))


def walked(tx: Tx, task: str, room: WalkedRoom) -> None:
    """Store that a room was walked to its end just now."""
    c = task_rooms.c
    values = {
        "title": room.title,
        "last_activity": room.last_activity,
        "newest": room.newest,
        "walked_by": room.walked_by,
        "walked_at": tx.now,
    }
    known = tx.execute(
        sa.update(task_rooms).where(c.task == task, c.room_id == room.room_id).values(values)
    )
    if not known.rowcount:
        tx.execute(sa.insert(task_rooms).values(task=task, room_id=room.room_id, **values))
