"""Queue events: a queue has become full or empty, or passes a threshold on the way there.

Source: ACI programming guide, queue events. What was told last stands in `queue_levels`, whose row
is locked only when something is to be told: two who bring a queue there tell it once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs.outbox_tables import queue_levels
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs


class QueueEvent(StrEnum):
    """The types of queue events."""

    FULL = "QueueFull"
    FILLING = "QueueFilling"
    EMPTYING = "QueueEmptying"
    EMPTY = "QueueEmpty"


EMPTY, BETWEEN, FULL = "empty", "between", "full"

_FILLED = (QueueEvent.FULL, QueueEvent.FILLING)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a queue is full: `most` waiting actions, 0 for never; fractions of that on the way."""

    most: int
    filling: float
    emptying: float


@dataclass(frozen=True, slots=True)
class _Told:
    level: str = EMPTY
    event: QueueEvent | None = None


def noted(
    tx: Tx, queue: str, thresholds: Thresholds, falling: bool = False
) -> list[dict[str, Any]]:
    """Return what is to be told of a queue as it is now, in order, and note that it was told.

    `falling`: nothing was added to the queue; what only then happens is not looked for.
    """
    before = _told(tx, queue)
    now, _ = _look(tx, queue, thresholds, before, falling)
    if now == before:
        return []
    first = {"queue": queue, "level": EMPTY, "event": None, "changed_at": tx.now}
    tx.execute(tx.dialect.insert_new(queue_levels).values(first))
    before = _told(tx, queue, lock=True)  # somebody may have been faster
    now, events = _look(tx, queue, thresholds, before, falling)
    if now != before:
        values = {"level": now.level, "event": now.event, "changed_at": tx.now}
        tx.execute(sa.update(queue_levels).where(queue_levels.c.queue == queue).values(values))
    return events


def differs(tx: Tx, queue: str, thresholds: Thresholds) -> bool:
    """Say whether `noted` has something to note. Only reads."""
    before = _told(tx, queue)
    return _look(tx, queue, thresholds, before, False)[0] != before


def _told(tx: Tx, queue: str, *, lock: bool = False) -> _Told:
    select = sa.select(queue_levels.c.level, queue_levels.c.event)
    select = select.where(queue_levels.c.queue == queue)
    row = tx.execute(select.with_for_update() if lock else select).first()
    if row is None:
        return _Told()
    return _Told(row.level, None if row.event is None else QueueEvent(row.event))


def _look(
    tx: Tx, queue: str, thresholds: Thresholds, before: _Told, falling: bool
) -> tuple[_Told, list[dict[str, Any]]]:
    size = _size(tx, queue, _enough(thresholds, before) if falling else max(1, thresholds.most))
    now, events = _passed(size, thresholds, before)
    told = []
    for event in events:
        payload: dict[str, Any] = {"queueEventType": event.value}
        if thresholds.most:
            payload["maxQueueSize"] = thresholds.most
        if event is not QueueEvent.EMPTY:
            payload["queueSize"] = size
        told.append(payload)
    return now, told


def _passed(size: int, thresholds: Thresholds, before: _Told) -> tuple[_Told, Sequence[QueueEvent]]:
    """Return what has happened to a queue that has this size now."""
    events = []
    most = thresholds.most
    if most and size > thresholds.filling * most and before.event not in _FILLED:
        events.append(QueueEvent.FILLING)
    if most and size < thresholds.emptying * most and before.event in _FILLED:
        events.append(QueueEvent.EMPTYING)
    level = EMPTY if size == 0 else FULL if most and size >= most else BETWEEN
    if level != before.level and level != BETWEEN:
        events.append(QueueEvent.FULL if level == FULL else QueueEvent.EMPTY)
    return _Told(level, events[-1] if events else before.event), events


def _enough(thresholds: Thresholds, before: _Told) -> int:
    """Return how many actions need to be counted to know whether a falling size tells anything."""
    if before.level == FULL:
        return max(1, thresholds.most)
    if before.event in _FILLED:
        return max(1, math.ceil(thresholds.emptying * thresholds.most))
    return 1


def _size(tx: Tx, queue: str, most: int) -> int:
    waiting = sa.select(jobs.c.token).where(is_open(State.QUEUED), jobs.c.queue == queue)
    some = waiting.limit(most).subquery()
    return int(tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
