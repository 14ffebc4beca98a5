"""Delivery of events: a thread that takes them from the table, and a lane for each handler.

Nothing of it is in the way of the worker's loop. Whoever dies in between leaves events that are
taken again when their time is over; so each is delivered at least once.
"""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from connector import log
from connector.actions.events import outbox_of
from connector.config import Settings
from connector.config.handlers import HTTP, TEXT_FILE, HandlerSettings
from connector.db.engine import Database, Tx
from connector.db.errors import Unavailable
from connector.jobs import deliveries, levels
from connector.jobs.deliveries import Pending
from connector.worker.lanes import Batch
from connector.worker.lines import Line
from connector.worker.notices import Notice, notice_of
from connector.worker.outside import Outside
from connector.worker.targets import Http, Target, TextFile

_log = log.logger(__name__)

POLL = 1.0
"""Seconds between two looks for events, and at how full queues are."""

AWAY = 1.0
"""Seconds between two tries while the database is away."""

BATCH = 50
"""Events that a lane is given at once."""


class Deliverer:
    """Delivers events of the settings' handlers; `database`: on a connection of its own."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        targets: Mapping[str, Callable[[], Target]] | None = None,
    ) -> None:
        self._database = database
        self._outbox = outbox_of(settings)
        self._environment = settings.server.environment or None
        told = partial(_notice, settings)
        made = targets or targets_of(settings)
        self._lines = {
            handler.name: Line(handler, made[handler.name], told, self.nudge)
            for handler in settings.handlers
        }
        self._news = threading.Event()
        self._over = threading.Event()
        self._look_at = 0.0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def nudge(self) -> None:
        """Have it look at once; from any thread."""
        self._news.set()

    def stop(self, seconds: float) -> None:
        """Begin no further delivery; those under way are waited for so many seconds."""
        until = time.monotonic() + seconds
        self._over.set()
        self.nudge()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        for line in self._lines.values():
            line.end()
        for line in self._lines.values():
            line.wait(max(0.0, until - time.monotonic()))
        if not self._thread.is_alive():
            try:
                self._settle()
            except Exception as error:  # what was delivered and is not marked comes again
                _log.warning("deliveries not recorded", error=str(error).partition("\n")[0])
            self._database.close()

    @property
    def pids(self) -> set[int]:
        """The processes that handlers run in."""
        return {pid for line in self._lines.values() if (pid := line.pid) is not None}

    def turn(self, now: float) -> float:
        """Make one pass; return the seconds until the next has something to do.

        Raises Unavailable.
        """
        self._settle()
        if now >= self._look_at:
            self._look_at = now + POLL
            self._look()
        free = {name: line for name, line in self._lines.items() if line.free(now)}
        waiting = self._database.read(deliveries.waiting, free, self._environment)
        for name, seconds in waiting.items():
            if seconds > 0:
                continue
            hold = free[name].hold_seconds
            events = self._database.run(deliveries.take, name, BATCH, hold, self._environment)
            if events:
                free[name].give(events, time.monotonic())
        later = [seconds for seconds in waiting.values() if seconds > 0]
        later += [line.until - now for line in self._lines.values() if line.until > now]
        return min([POLL, *later])

    def _run(self) -> None:
        while not self._over.is_set():
            self._news.clear()
            try:
                pause = self.turn(time.monotonic())
            except Unavailable as error:
                _log.warning("events wait: the database is away", error=str(error))
                pause = AWAY
            except Exception:
                _log.exception("events wait")
                pause = AWAY
            self._news.wait(pause)

    def _look(self) -> None:
        """Tell how full queues are, where that was missed as it came about."""
        for queue, thresholds in self._outbox.thresholds.items():
            if self._database.read(levels.differs, queue, thresholds):
                self._database.run(self._outbox.level, queue)

    def _settle(self) -> None:
        """Record what became of events; what cannot be recorded now is kept."""
        for line in self._lines.values():
            if (batch := line.result(time.monotonic())) is None:
                continue
            given_up = self._database.run(_record, batch, line.settings)
            line.settled(time.monotonic())
            for event, error in given_up:
                _log.error(
                    "event given up",
                    event_id=event.event_id,
                    handler=event.handler,
                    happened=event.event,
                    queue=event.queue,
                    token=event.token,
                    attempts=event.attempts + 1,
                    error=error,
                )
            if batch.away:
                self._expire(line.settings, batch.away)

    def _expire(self, handler: HandlerSettings, why: str) -> None:
        old = self._database.run(deliveries.expire, handler.name, why, handler.give_up_seconds)
        if old:
            _log.error("events given up for their age", handler=handler.name, events=old, error=why)


def targets_of(settings: Settings) -> dict[str, Callable[[], Target]]:
    """Return for each handler what makes its target."""
    made: dict[str, Callable[[], Target]] = {}
    for handler in settings.handlers:
        match handler.library_name:
            case kind if kind == TEXT_FILE:
                made[handler.name] = partial(TextFile, handler, settings.paths.events)
            case kind if kind == HTTP:
                made[handler.name] = partial(Http, handler)
            case _:
                made[handler.name] = partial(Outside, handler)
    return made


def _notice(settings: Settings, event: Pending) -> Notice:
    return notice_of(event, settings.queue(event.queue).classic_status)


def _record(tx: Tx, batch: Batch, handler: HandlerSettings) -> list[tuple[Pending, str]]:
    """Mark events by what became of them; return those given up, and why."""
    deliveries.delivered(tx, batch.delivered)
    deliveries.put_back(tx, batch.untouched)
    given_up = []
    for event, error in batch.failed:
        tries = event.attempts + 1
        last = handler.retries and tries > handler.retries
        age = None if last else handler.give_up_seconds
        if deliveries.failed(tx, event, error, handler.pause(tries), age):
            given_up.append((event, error))
    return given_up
