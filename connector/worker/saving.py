"""Storing what running actions tell: progress, and checkpoints that they wait for.

What meets a lock, or a database that is away, is kept and tried again: progress is overtaken by the
next, a checkpoint is what the action waits for.
"""

import time
from collections.abc import Callable, Sequence

from connector import log
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable
from connector.jobs import outcomes, progress
from connector.jobs.errors import LeaseLost
from connector.worker.channel import Message
from connector.worker.ending import Ending
from connector.worker.recording import Recorder, for_clients, in_short
from connector.worker.slots import Slot

_log = log.logger(__name__)

TOLD = frozenset(("progress", "checkpoint", "number"))
"""Of a message, what is stored before its run has ended."""

AGAIN = 0.5
"""Seconds after which a row that was locked is tried again."""


def take(slot: Slot, message: Message) -> None:
    """Keep what a slot tells of its run until it is stored; the newest of each counts."""
    if TOLD.isdisjoint(message):
        return
    for name in TOLD & message.keys():
        if message[name] is not None:
            slot.untold[name] = message[name]


class Saver:
    """Stores what slots tell of their runs."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder

    def store(self, slots: Sequence[Slot], moved: Callable[[], None]) -> None:
        """Store what is told and not stored; what is locked is passed over. Raises Unavailable."""
        for slot in slots:
            if _waits(slot) and time.monotonic() >= slot.store_at:
                moved()
                self._store(slot)

    def next(self, slots: Sequence[Slot]) -> float:
        """Return the monotonic time at which something is due to be stored."""
        return min((slot.store_at for slot in slots if _waits(slot)), default=float("inf"))

    def _store(self, slot: Slot) -> None:
        assert slot.run is not None, "only a run can tell"
        told = slot.untold
        facts, checkpoint = told.get("progress"), told.get("checkpoint")
        try:
            self._database.run(progress.save, slot.run, progress=facts, checkpoint=checkpoint)
        except Locked as error:
            if not slot.store_at:
                _log.warning("progress waits", token=slot.run.token, error=str(error))
            slot.store_at = time.monotonic() + AGAIN
            return
        except LeaseLost:
            slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
            self._database.run(outcomes.refused, slot.run, "progress")
            return
        except Unavailable:
            raise
        except Exception as error:
            _log.error("progress cannot be stored", token=slot.run.token, error=in_short(error))
            self._recorder.fail(slot.run, f"its progress cannot be stored: {for_clients(error)}")
            slot.ended(time.monotonic())
            slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
            return
        slot.untold, slot.store_at = {}, 0.0
        if "number" in told:
            slot.tell({"type": "saved", "number": told["number"]})


def _waits(slot: Slot) -> bool:
    return bool(slot.run and slot.untold and slot.ending is not Ending.LOST)
