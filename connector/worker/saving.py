"""Storing what running actions tell: progress, and checkpoints that they wait for."""

from connector import log
from connector.db.engine import Database
from connector.db.errors import Unavailable
from connector.jobs import progress
from connector.jobs.errors import LeaseLost
from connector.worker.channel import Message
from connector.worker.slots import Slot, Unsaved

_log = log.logger(__name__)

AGAIN = 0.5
"""Seconds between two tries to store what a lock, or a database that was away, has kept out."""


class Saver:
    """Stores what slots tell of their runs. What cannot be stored now is kept, and tried again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, slot: Slot, message: Message) -> None:
        """Take progress or a checkpoint of the slot's run; the newest of each counts."""
        unsaved = slot.unsaved or Unsaved()
        if message.get("progress") is not None:
            unsaved.progress = message["progress"]
        if message["type"] == "save":
            unsaved.checkpoint, unsaved.number = message["checkpoint"], message["number"]
        slot.unsaved = unsaved

    def store(self, slot: Slot, now: float) -> str | None:
        """Store what waits, and tell the slot if its action waits for that.

        Returns why it can never be stored, or None. Raises LeaseLost.
        """
        run, unsaved = slot.run, slot.unsaved
        if run is None or unsaved is None or now < unsaved.again_at:
            return None
        try:
            self._database.run(
                progress.save, run, progress=unsaved.progress, checkpoint=unsaved.checkpoint
            )
        except Unavailable as error:
            unsaved.again_at = now + AGAIN
            if not unsaved.told:
                _log.warning("progress waits to be stored", token=run.token, error=str(error))
            unsaved.told = True
            return None
        except LeaseLost:
            raise
        except Exception as error:
            _log.exception("progress cannot be stored", token=run.token)
            return f"its progress cannot be stored: {type(error).__name__}"
        slot.unsaved = None
        if unsaved.number is not None:
            slot.tell({"type": "saved", "number": unsaved.number})
        return None
