"""Claims for free slots, and slots to run them in."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from connector import board, log
from connector.actions.action import Action, WorksOnTasks
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable
from connector.jobs import claim, turns
from connector.jobs.claim import Due
from connector.jobs.job import Run
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.token import stored_at
from connector.process import restart_pause
from connector.worker.lease import Lease
from connector.worker.recording import Recorder
from connector.worker.slots import Slot

_log = log.logger(__name__)

FAR = 1.0
"""Seconds between two far looks for what is due behind what is delayed."""


class Filler:
    """Keeps slots, and gives the free ones work. `slots` is the worker's own list."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        slots: list[Slot],
        recorder: Recorder,
        outbox: Outbox = NOBODY,
    ) -> None:
        self._settings = settings
        self._actions = actions
        self._database = database
        self._slots = slots
        self._recorder = recorder
        self._outbox = outbox
        self._config_hash = settings.hash
        self._tasks = [task.name for task in settings.tasks]
        self._limits = {name: settings.queue(name).maximum_threads for name in actions}
        self._damaged: set[str] = set()
        self._beyond: dict[str, claim.Place] = {}
        self._far_at = 0.0
        self._failed = 0
        self._failed_at = self._start_at = 0.0

    def fill(self, lease: Lease, now: float, moved: Callable[[], None]) -> float:
        """Start slots, and claim for those that are free, while the lease is there.

        `moved` is called between statements. Returns the seconds until something is due that waits
        for its time, or for a slot to start. Raises Unavailable.
        """
        wait = self.start_slots(now)
        free = [slot for slot in self._slots if slot.idle]
        if not free:
            return wait
        running = [slot.run.queue for slot in self._slots if slot.run]
        for queue, due in self._due(now).items():
            if due.seconds > 0:
                wait = min(wait, due.seconds)
                continue
            room = min(len(free), self._limits[queue] - running.count(queue))
            if room <= 0 or lease.lost:
                continue
            # What stands at the head may not run now; what is due behind it may.
            for look in (due,) if due.ahead else (due, replace(due, ahead=claim.NOW)):
                moved()
                for run in self._claimed(queue, lease.worker_id, room, look):
                    room -= 1
                    if damage := _damage(run):
                        self._recorder.fail(run, damage)
                        continue
                    free.pop().give(run, now)
                    _count(run)
                    _log.info("run begins", token=run.token, attempt=run.attempt, queue=queue)
                if room <= 0 or lease.lost:
                    break
        return wait

    def _due(self, now: float) -> Mapping[str, Due]:
        """Return what waits; now and then what is due is looked for far behind what is delayed."""
        far = now >= self._far_at
        most = claim.FAR_AHEAD if far else claim.AHEAD
        found = self._database.read(claim.due, list(self._limits), self._beyond, most)
        for queue, due in found.items():
            if far or due.ahead:
                self._beyond[queue] = due.beyond
        if far:
            self._far_at = now + FAR
        return found

    def began(self) -> None:
        """Note that a slot has started well."""
        if self._failed > 1:
            _log.info("slots begin again")
        self._failed, self._start_at = 0, 0.0

    def could_not_begin(self, started: float, why: str, now: float) -> None:
        """Note that a slot ended before it was ready: the next one waits, longer each time.

        Of several that were `started` together one counts.
        """
        if started < self._failed_at:
            return
        self._failed += 1
        self._failed_at = now
        self._start_at = now + restart_pause(self._failed)
        if self._failed == 2:
            _log.error("slots cannot begin; tried again with growing pauses", why=why)

    def _claimed(self, queue: str, worker_id: str, room: int, due: Due) -> Sequence[Run]:
        """Claim; what is locked waits, and what is refused is looked into."""
        try:
            return self._claim(queue, worker_id, room, due)
        except Locked as error:
            _log.warning("claim waits", queue=queue, error=str(error))
        except Unavailable:
            raise
        except Exception as error:
            self._refused(queue, error)
        return []

    def _claim(self, queue: str, worker_id: str, room: int, due: Due) -> Sequence[Run]:
        on_tasks, bad = isinstance(self._actions[queue], WorksOnTasks), self._damaged
        if not on_tasks and not due.limited:
            chosen = partial(claim.claim, ahead=due.ahead, without=bad)
        else:
            known = self._tasks if on_tasks else None
            chosen = partial(turns.claim_in_turn, known=known, ahead=due.ahead, without=bad)
        chosen = partial(chosen, config_hash=self._config_hash)
        return self._database.run(self._outbox.claiming, chosen, queue, worker_id, room)

    def _refused(self, queue: str, error: Exception) -> None:
        """Find the rows for which a claim was refused: they are passed over from now on."""
        found = self._database.read(claim.damaged, queue, self._damaged)
        self._damaged.update(found)
        why = str(error).partition("\n")[0]  # what follows may quote the row
        _log.error(
            "claim refused; damaged rows are passed over", tokens=found, queue=queue, why=why
        )

    def start_slots(self, now: float) -> float:
        """Keep as many slots as the largest queue may use, and one idle, also when all are in use.

        The idle one takes over at once from a slot that dies.
        """
        wanted, most = max(self._limits.values()), sum(self._limits.values()) + 1
        starting = sum(not slot.ready and slot.ending is None for slot in self._slots)
        idle = any(slot.idle for slot in self._slots)
        while (there := len(self._slots)) < wanted or (there < most and not starting and not idle):
            if now < self._start_at:
                return self._start_at - now
            if self._failed and starting:
                break  # one at a time, until one has begun
            try:
                self._slots.append(Slot.start(self._settings, now))
            except OSError as error:
                self.could_not_begin(now, str(error), now)
                return max(0.0, self._start_at - now)
            starting += 1
        return float("inf")


def _count(run: Run) -> None:
    board.count(Metric.CLAIMS, run.queue)
    if run.attempt == 1 and (stored := stored_at(run.token)) is not None:
        board.observe(Metric.WAIT_SECONDS, max(0.0, time.time() - stored), run.queue)


def _damage(run: Run) -> str | None:
    """Say what is wrong with a row that somebody has damaged by hand, or return None."""
    for name, value in (("parameters", run.parameters), ("checkpoint", run.checkpoint)):
        if not isinstance(value, Mapping) and (name == "parameters" or value is not None):
            return f"the {name} stored for it are damaged: a JSON object is expected"
    return None
