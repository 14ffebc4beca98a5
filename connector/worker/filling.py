"""Claims for free slots, and slots to run them in."""

from collections.abc import Mapping, Sequence

from connector import log
from connector.actions.action import Action, WorksOnTasks
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Locked
from connector.jobs import claim, turns
from connector.jobs.claim import Due
from connector.jobs.job import Run
from connector.worker.slots import Slot

_log = log.logger(__name__)

LONGEST_PAUSE = 10.0
"""Seconds before another slot is started when one after the other cannot begin."""


class Filler:
    """Keeps slots, and gives the free ones work. `slots` is the worker's own list."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        slots: list[Slot],
    ) -> None:
        self._settings = settings
        self._actions = actions
        self._database = database
        self._slots = slots
        self._tasks = [task.name for task in settings.tasks]
        self._limits = {name: settings.queue(name).maximum_threads for name in actions}
        self._failed = 0
        self._start_at = 0.0

    def fill(self, worker_id: str, now: float) -> float:
        """Start slots, and claim for those that are free.

        Returns the seconds until something is due that waits for its time, or for a slot to start.
        Raises Unavailable.
        """
        wait = self._start_slots(now)
        free = [slot for slot in self._slots if slot.idle]
        if not free:
            return wait
        running = [slot.run.queue for slot in self._slots if slot.run]
        for queue, due in self._database.read(claim.due, list(self._limits)).items():
            if due.seconds > 0:
                wait = min(wait, due.seconds)
                continue
            room = min(len(free), self._limits[queue] - running.count(queue))
            if room <= 0:
                continue
            try:
                runs = self._claim(queue, worker_id, room, due)
            except Locked as error:
                _log.warning("claim waits", queue=queue, error=str(error))
                continue
            for run in runs:
                _log.info("run begins", token=run.token, attempt=run.attempt, queue=queue)
                free.pop().give(run, now)
        return wait

    def began(self) -> None:
        """Note that a slot has started well."""
        self._failed = 0

    def could_not_begin(self, now: float) -> None:
        """Note that a slot ended before it was ready: the next one waits, longer each time."""
        self._failed += 1
        pause = 0.0 if self._failed == 1 else min(LONGEST_PAUSE, 0.125 * 2.0**self._failed)
        self._start_at = now + pause
        _log.error("slot could not begin", times=self._failed, next_in=pause)

    def _claim(self, queue: str, worker_id: str, room: int, due: Due) -> Sequence[Run]:
        on_tasks = isinstance(self._actions[queue], WorksOnTasks)
        if not on_tasks and not due.limited:
            return self._database.run(claim.claim, queue, worker_id, room, ahead=due.ahead)
        tasks = self._tasks if on_tasks else None
        return self._database.run(
            turns.claim_in_turn, queue, worker_id, room, tasks, ahead=due.ahead
        )

    def _start_slots(self, now: float) -> float:
        """Keep as many slots as the largest queue may use, and one idle up to what all may use."""
        wanted, most = max(self._limits.values()), sum(self._limits.values())
        starting = sum(not slot.ready and slot.ending is None for slot in self._slots)
        idle = any(slot.idle for slot in self._slots)
        while (there := len(self._slots)) < wanted or (there < most and not starting and not idle):
            if now < self._start_at:
                return self._start_at - now
            if self._failed and starting:
                break  # one at a time, until one has begun
            self._slots.append(Slot.start(self._settings, now))
            starting += 1
        return float("inf")
