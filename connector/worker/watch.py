"""What is asked of running actions, what they may take, and how they are ended."""

from collections import deque
from collections.abc import Mapping, Sequence

from connector import log
from connector.actions.action import Action
from connector.config import QueueSettings, Settings
from connector.jobs.job import Run
from connector.jobs.progress import Held
from connector.jobs.states import Requested
from connector.worker.ending import Ending
from connector.worker.slots import BEGIN, CLOSED, STACKS, Slot

_log = log.logger(__name__)


class Watch:
    """Watches the slots that run something. `actions`: by name, for what can be paused."""

    def __init__(self, settings: Settings, actions: Mapping[str, Action]) -> None:
        self._settings = settings
        self._actions = actions
        self._stop_by = float("inf")

    def honour(self, held: Held, slots: Sequence[Slot], back: deque[Run], now: float) -> bool:
        """Ask those to end of whom a stop or a pause was requested. `held`: what is ours still.

        An action that cannot be paused runs on; it is paused if it comes back to its queue. One
        that was taken out of our hands, by a DBA who has changed its row, is ended at once.
        Where a slot holds several, those that it has not begun are taken back first, into `back`.
        Returns whether that was so: it is to be looked at again soon.
        """
        again = False
        for slot in slots:
            if slot.run is None or slot.ending is Ending.LOST:
                continue
            if slot.behind:
                if any(held.get(run.fence, Requested.STOP) for run in slot.runs):
                    back += slot.take_back(now)
                    again = True
            elif slot.run.fence not in held:
                _log.warning("run ended: the job is no longer held", token=slot.run.token)
                slot.ask_to_end(Ending.LOST, now, 0.0)
                slot.kill()
            else:
                self._ask(slot, held[slot.run.fence], now)
        return again

    def _ask(self, slot: Slot, requested: Requested | None, now: float) -> None:
        match requested:
            case Requested.STOP:
                slot.ask_to_end(Ending.STOP, now, self._grace(slot))
            case Requested.PAUSE if self._pausable(slot) and slot.ending is None:
                slot.ask_to_end(Ending.PAUSE, now, self._grace(slot))

    def enforce(self, slots: Sequence[Slot], now: float) -> None:
        """End what has used up its time, and kill what did not end when it was asked."""
        for slot in slots:
            if slot.run and not slot.behind and slot.ending in (None, Ending.LIMIT):
                self._limit(slot, now)
            if slot.deaf and slot.ending is None:
                slot.ask_to_end(Ending.DEAF, now, 0.0 if slot.why else CLOSED)
            if now >= slot.begins_by():
                _log.error("slot did not begin: killed", pid=slot.pid, seconds=BEGIN)
                slot.kill()
            slot.kill_if_due(now)

    def hand_back(self, slots: Sequence[Slot], now: float) -> list[Run]:
        """Ask all to end for a shutdown: what runs and cannot be paused has some time before.

        Returns the runs that they have not begun.
        """
        patience = self._settings.worker.shutdown_seconds
        if self._stop_by == float("inf"):
            self._stop_by = now + patience
        elif now >= self._stop_by:
            self._stop_by = float("-inf")
        taken: list[Run] = []
        for slot in slots:
            if slot.behind:
                taken += slot.take_back(now)
            elif slot.ending is None and (
                slot.run is None or self._pausable(slot) or now >= self._stop_by
            ):
                slot.ask_to_end(Ending.SHUTDOWN, now, self._grace(slot) if slot.run else 0.5)
        return taken

    def hurry(self) -> None:
        """Have a shutdown wait for nobody."""
        self._stop_by = float("-inf")

    def next(self, slots: Sequence[Slot]) -> float:
        """Return the monotonic time at which something here is due."""
        times = [self._stop_by] if self._stop_by > float("-inf") else []
        for slot in slots:
            if slot.kill_at is not None:
                times.append(slot.kill_at if slot.asked_stacks else slot.kill_at - STACKS)
            elif slot.run and slot.ending is None:
                times += [at for at, _, _ in self._limits(slot)]
            times.append(slot.begins_by())
        return min(times, default=float("inf"))

    def _limit(self, slot: Slot, now: float) -> None:
        for at, why, grace in self._limits(slot):
            if now >= at and (slot.ending is None or grace == 0.0):
                slot.ask_to_end(Ending.LIMIT, now, grace, why)

    def _limits(self, slot: Slot) -> list[tuple[float, str, float]]:
        """Return for each limit of a run: when it is reached, what to say, the grace then."""
        queue = self._queue(slot)
        found = []
        if limit := queue.hard_limit_seconds:
            told = f"it ran longer than HardLimitSeconds={limit:g}"
            found.append((slot.began + limit, told, 0.0))
        # One that waits for its checkpoint to be stored is not the one who is stuck.
        if (limit := queue.no_progress_seconds) and "number" not in slot.untold:
            told = f"it told no progress for NoProgressSeconds={limit:g}"
            found.append((slot.heard + limit, told, 0.0))
        if limit := queue.soft_limit_seconds:
            told = f"it ran longer than SoftLimitSeconds={limit:g}"
            found.append((slot.began + limit, told, queue.grace_seconds))
        return found

    def _queue(self, slot: Slot) -> QueueSettings:
        return self._settings.queue(slot.run.queue if slot.run else "")

    def _grace(self, slot: Slot) -> float:
        return self._queue(slot).grace_seconds

    def _pausable(self, slot: Slot) -> bool:
        return slot.run is not None and bool(self._actions[slot.run.queue].pausable)
