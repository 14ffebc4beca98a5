"""Events on their way to their targets: taken for a while, and marked by what came of it.

Whoever takes events holds them until a moment; after that, as when he has died, another takes them.
So each is delivered at least once. Of one job, or one queue, a handler is given one after the
other, in order: the next when the one before is delivered or given up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.db.schema import schema_info
from connector.jobs.outbox_tables import outbox

MAX_ERROR = 1000
"""Characters kept of why a delivery has failed."""

BY_ORDER = "FORCE INDEX (outbox_order)"
"""Hint for MariaDB, which may look through all events of a handler for those of one job."""

EXPIRED = 1000
"""Events given up in one transaction for their age."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that somebody holds until `next_at`, to deliver it."""

    id: int
    event_id: str
    handler: str
    token: str | None
    queue: str
    event: str
    at: datetime
    payload: Any = field(repr=False)
    attempts: int
    next_at: datetime


_COLUMNS = [outbox.c[name] for name in Pending.__dataclass_fields__]


def waiting(tx: Tx, handlers: Collection[str], environment: str | None = None) -> dict[str, float]:
    """Return for each handler that has events the seconds until one is due; 0: now.

    None has any where the data belongs to another deployment than `environment`.
    """
    each = []
    if not handlers or not tx.execute(sa.select(_ours(environment))).scalar():
        return {}
    for name in sorted(handlers):
        here = (outbox.c.handler == name, outbox.c.next_at.is_not(None))
        first = sa.select(sa.func.min(outbox.c.next_at)).where(*here).scalar_subquery()
        micros = (tx.micros(first) - tx.micros(tx.now)).label("micros")
        each.append(sa.select(sa.literal(name).label("handler"), micros))
    rows = tx.execute(sa.union_all(*each)).all()
    return {row.handler: max(0.0, row.micros / 1e6) for row in rows if row.micros is not None}


def take(
    tx: Tx, handler: str, most: int, seconds: float, environment: str | None = None
) -> list[Pending]:
    """Take up to so many due events of a handler for so many seconds, in order.

    None where the data belongs to another deployment than `environment`.
    """
    before = outbox.alias("earlier")
    earlier = (
        sa.select(before.c.id)
        .with_hint(before, BY_ORDER, "mariadb")
        .where(before.c.next_at.is_not(None), before.c.handler == outbox.c.handler)
    )
    same_job = earlier.where(before.c.token == outbox.c.token, before.c.id < outbox.c.id)
    same_queue = earlier.where(
        before.c.token.is_(None), before.c.queue == outbox.c.queue, before.c.id < outbox.c.id
    )
    first = sa.case((outbox.c.token.is_(None), ~same_queue.exists()), else_=~same_job.exists())
    chosen = (
        sa.select(outbox.c.id)
        .where(outbox.c.handler == handler, outbox.c.next_at <= tx.now, first, _ours(environment))
        .order_by(outbox.c.next_at, outbox.c.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=outbox)
    )
    rows = tx.change(outbox, chosen, {"next_at": tx.after(seconds)}, *_COLUMNS)
    return [Pending(**row._mapping) for row in sorted(rows, key=lambda row: row.id)]


def delivered(tx: Tx, events: Sequence[Pending]) -> None:
    """Mark events that their targets have taken, whoever holds them by now."""
    if not events:
        return
    these = outbox.c.id.in_([event.id for event in events]), outbox.c.next_at.is_not(None)
    told = {"delivered_at": tx.now, "next_at": None, "error": None}
    tx.execute(sa.update(outbox).where(*these).values(told))


def put_back(tx: Tx, events: Sequence[Pending]) -> None:
    """Give back what was taken and not tried."""
    for event in events:
        tx.execute(sa.update(outbox).where(_held(event)).values(next_at=tx.now))


def failed(tx: Tx, event: Pending, error: str, pause: float, give_up_after: float | None) -> bool:
    """Note that a delivery has failed: tried again after `pause` seconds.

    One that is `give_up_after` seconds old by then, None for any age, is given up. Returns whether
    it was.
    """
    over: ColumnElement[bool] = sa.true()
    if give_up_after is not None:
        over = outbox.c.at <= tx.after(pause - give_up_after)
    values = {
        "attempts": outbox.c.attempts + 1,
        "error": error.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_ERROR],
        "next_at": sa.case((over, sa.null()), else_=tx.after(pause)),
        "given_up_at": sa.case((over, tx.now), else_=sa.null()),
    }
    rows = tx.change(outbox, _held(event), values, outbox.c.given_up_at)
    return any(row.given_up_at is not None for row in rows)


def expire(tx: Tx, handler: str, error: str, seconds: float) -> int:
    """Give up due events of a handler that are older, since it takes none; return how many."""
    old = sa.and_(outbox.c.handler == handler, outbox.c.next_at <= tx.now)
    return _give_up(tx, old, error, seconds)


def expire_others(tx: Tx, handlers: Collection[str], error: str, seconds: float) -> int:
    """Give up older events of all but these handlers; return how many."""
    return _give_up(tx, outbox.c.handler.notin_(handlers), error, seconds)


def _give_up(tx: Tx, which: ColumnElement[bool], error: str, seconds: float) -> int:
    chosen = (
        sa.select(outbox.c.id)
        .where(which, outbox.c.next_at.is_not(None), outbox.c.at <= tx.after(-seconds))
        .limit(EXPIRED)
        .with_for_update(skip_locked=True)
    )
    values = {"given_up_at": tx.now, "next_at": None, "error": error[:MAX_ERROR]}
    return len(tx.change(outbox, chosen, values, outbox.c.id))


def prune(tx: Tx, days: float, most: int) -> int:
    """Remove up to so many events that are over, of so many days ago; return how many."""
    over = sa.select(outbox.c.id, outbox.c.at).where(outbox.c.next_at.is_(None))
    first = over.order_by(outbox.c.id).limit(most).subquery()
    old = sa.select(first.c.id).where(first.c.at < tx.after(-days * 86400.0))
    ids = tx.execute(old).scalars().all()
    if ids:
        tx.execute(sa.delete(outbox).where(outbox.c.id.in_(ids), outbox.c.next_at.is_(None)))
    return len(ids)


def _ours(environment: str | None) -> ColumnElement[bool]:
    """Return the condition that this is no copy of another deployment's data."""
    named = schema_info.c.environment
    return sa.exists().where(named.is_not_distinct_from(environment))


def _held(event: Pending) -> ColumnElement[bool]:
    """Return the condition that nobody else has taken it since."""
    return sa.and_(outbox.c.id == event.id, outbox.c.next_at == event.next_at)
