"""What a worker does now and then, besides running actions: each is due at a time of its own."""

import time
from collections.abc import Callable, Iterable

from connector import log
from connector.config import Settings
from connector.db import schema
from connector.db.engine import Database
from connector.jobs import retention, turns
from connector.jobs.counting import Counting
from connector.jobs.states import State
from connector.worker.scheduling import Scheduler

_log = log.logger(__name__)

LATER = 2.0
"""Seconds after a worker's begin in which what can wait does: actions begin first."""

PRUNE = 60.0
"""Seconds between two looks for actions whose time is over; a full batch is followed at once."""

CHECK = 30.0
"""Seconds between two looks whether this program may still run on the schema."""

COUNT = 3.0
"""Seconds between two counts of what was stored and has ended."""

COUNT_IDLE = 15.0
"""The same while there is no news of anything."""

COUNT_ON = 0.25
"""Seconds after which a count goes on that was too much for one step: runs come first."""

ADOPT = 600.0
"""Seconds between two looks for jobs that an earlier program stored without a task_key."""


class Upkeep:
    """Small work on the whole database. `on_tasks`: queues whose jobs work on tasks."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        on_tasks: Iterable[str],
        scheduler: Scheduler,
    ) -> None:
        self._database = database
        self._scheduler = scheduler
        self._counting = Counting(database)
        kept = settings.retention
        self._keep = {
            State.FINISHED: kept.finished_days,
            State.FAILED: kept.failed_days,
            State.STOPPED: kept.stopped_days,
            State.CANCELLED: kept.cancelled_days,
        }
        self._event_days = kept.event_days
        self._handlers = [handler.name for handler in settings.handlers]
        self._queues = list(on_tasks)
        self._prune_at = self._adopt_at = self._count_at = time.monotonic() + LATER
        self._check_at = float("-inf")

    def turn(self, now: float, free: bool, moved: Callable[[], None]) -> None:
        """Do what is due at the monotonic time `now`; the larger work only when a slot is `free`.

        `moved` is called between transactions.

        Raises Unavailable, and SchemaMismatch when this program may not run here any more.
        """
        if now >= self._check_at:
            self._check_at = now + CHECK
            schema.check(self._database)
        if now >= self._count_at:
            goes_on = self._counting.step()
            idle = self._database.dialect.listens and not self._counting.under_way
            pause = COUNT_IDLE if idle else COUNT
            self._count_at = now + (COUNT_ON if goes_on else pause)
        self._scheduler.turn(now, moved)
        if not free:
            return
        if now >= self._adopt_at:
            left = [
                self._database.run(turns.adopt, queue, turns.BATCH) >= turns.BATCH
                for queue in self._queues
            ]
            self._adopt_at = now + (0.0 if any(left) else ADOPT)
        if now >= self._prune_at:
            removed = retention.prune(self._database, self._keep, moved)
            events = retention.prune_events(self._database, self._event_days, self._handlers)
            full = max(removed, events) >= retention.BATCH
            self._prune_at = now + (0.0 if full else PRUNE)
            if removed:
                _log.info("ended actions removed", actions=removed)

    def stirred(self, now: float) -> None:
        """Note that there is news: there will be something to count."""
        self._count_at = min(self._count_at, now + COUNT)

    @property
    def due(self) -> float:
        """Monotonic time at which the next thing is due."""
        return min(self._check_at, self._adopt_at, self._prune_at, self._count_at)
