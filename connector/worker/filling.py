"""Claims for free slots, and slots to run them in."""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from connector import board, log
from connector.actions.action import Action, WorksOnTasks
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable
from connector.jobs import claim, places, turns, waiting
from connector.jobs.job import Run
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.waiting import Due
from connector.process import restart_pause
from connector.worker.claimed import count, damage
from connector.worker.lease import Lease
from connector.worker.pace import LONG, Pace
from connector.worker.recording import Recorder
from connector.worker.slots import Slot

_log = log.logger(__name__)

BLIND = 0.25
"""Seconds for which a queue that has much is claimed from without a look what waits elsewhere."""

ANEW = 1.0
"""Seconds between two claims from the head of a queue that has much; others begin where the last
one ended. What is urgent, or was handed back, stands before that."""

TOLD_ANEW = 0.05
"""The same where there is news of it."""

BORNE = 3
"""Looks in vain, one after the other, after which news are left alone for a while."""

QUIET = 0.005
LONGEST_QUIET = 0.1
"""For how many seconds: twice as many after each further look."""

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
        self._pace = {name: Pace() for name in actions}
        self._took: dict[str, list[float]] = {}
        self.back: deque[Run] = deque()
        """Claimed runs that no slot has, or none has begun."""
        self._damaged: set[str] = set()
        self._beyond: dict[str, places.Place] = {}
        self._far_at = self._due_at = 0.0
        self._next = float("inf")
        self._in_vain = 0
        """How many looks in a row have found nothing to do."""
        self._full: dict[str, places.Place | None] = {}
        """Queues that have much, and the place up to which it has been claimed."""
        self._head_at = 0.0
        self._look_back = False
        """Whether something may have come to stand before such a place."""
        self._new: set[str] = set()
        self._failed = 0
        self._failed_at = self._start_at = 0.0

    def fill(self, lease: Lease, now: float, moved: Callable[[], None]) -> float:
        """Start slots, and claim for those that are free, while the lease is there.

        `moved` is called between statements. Returns the seconds until something is due that waits
        for its time, or for a slot to start. Raises Unavailable.
        """
        wait = self.start_slots(now)
        self._hand_on(now)
        if not any(self._room(queue) for queue in self._limits):
            return wait
        self._look_back |= self._recorder.handed_back() or not self._new.isdisjoint(self._full)
        if now >= self._head_at + (TOLD_ANEW if self._look_back else ANEW):
            self._head_at, self._look_back = now, False
            self._full = dict.fromkeys(self._full)
        known, self._new = self._full.keys() | self._new, set()
        self._in_vain += 1
        for queue in known:
            if not self._take(queue, Due(0.0), lease, now, moved):
                self._due_at = 0.0  # it may be delayed, or wait for its turn
        if not known or now >= self._due_at:
            self._due_at, self._next = now + BLIND, float("inf")
            for queue, due in self._due(now).items():
                if due.seconds > 0:
                    self._next = min(self._next, now + due.seconds)
                    continue
                # What stands at the head may not run now; what is due behind it may.
                for look in (due,) if due.ahead else (due, replace(due, ahead=places.NOW)):
                    self._take(queue, look, lease, now, moved)
        return min(wait, self._next - now)

    def heard(self, news: Collection[str]) -> bool:
        """Take note of queues in which there is something new; say whether it may be anything."""
        self._new.update(self._limits.keys() & news)
        return "" in news

    def quiet(self, now: float) -> float:
        """Return until when news need not be looked at: as long as looking finds nothing to do.

        A queue that is paused, or whose slots are in use, may be told of thousands of times.
        """
        beyond = min(self._in_vain - BORNE, 10)
        return now + min(QUIET * 2**beyond, LONGEST_QUIET) if beyond > 0 else now

    def _take(
        self, queue: str, look: Due, lease: Lease, now: float, moved: Callable[[], None]
    ) -> bool:
        """Claim what there is room for, and give it to slots; say whether that was anything."""
        room = self._room(queue, at_once=look.limited)
        if not room or lease.lost:
            return True
        moved()
        most = sum(room.values())
        runs = self._claimed(queue, lease.worker_id, most, look)
        if len(runs) == most > 1 and not look.limited and not look.ahead:
            self._full[queue] = (runs[-1].rank, runs[-1].token)
        else:
            self._full.pop(queue, None)
        self._give([run for run in runs if self._whole(run)], room, now)
        count(runs)
        if runs:
            self._in_vain = 0
        return bool(runs)

    def took(self, queue: str, seconds: float) -> None:
        """Note how long an action of a queue took."""
        self._pace[queue].took(seconds)
        self._took.setdefault(queue, []).append(seconds)

    def told_all(self) -> None:
        """Count what was noted."""
        for queue, seconds in self._took.items():
            board.observe(Metric.RUN_SECONDS, seconds, queue)
        self._took.clear()

    def _room(self, queue: str, *, at_once: bool = False) -> dict[Slot, int]:
        """Return how many runs of a queue each slot takes now.

        `at_once`: only such as can begin now. Those that exclude each other are never held back.
        """
        size, most = self._pace[queue].size, self._limits[queue]
        if at_once or isinstance(self._actions[queue], WorksOnTasks):
            size = 1
        if size > 1:
            most = self._pace[queue].slots(most)
        at_it = [slot for slot in self._slots if slot.run and slot.run.queue == queue]
        idle = [slot for slot in self._slots if slot.idle]
        # Who is at a long one does not count among the few that short ones are given to.
        since = time.monotonic() - LONG
        most = min(self._limits[queue], most + sum(slot.began <= since for slot in at_it))
        room = dict.fromkeys(idle[: max(0, most - len(at_it))], size)
        if size > 1:
            # As many again lie ready behind them, so that no slot waits for a claim.
            room = dict.fromkeys(room, 2 * size)
            held = {slot: len(slot.behind) + 1 for slot in at_it if slot.open}
            room |= {slot: 2 * size - count for slot, count in held.items() if count <= size}
        return room

    def _give(self, runs: Sequence[Run], room: Mapping[Slot, int], now: float) -> None:
        """Spread runs of one queue over slots, each of which has room for so many."""
        left = len(room)
        for slot, most in sorted(room.items(), key=lambda item: item[1]):
            count = min(most, -(-len(runs) // left))
            share, runs, left = runs[:count], runs[count:], left - 1
            if share:
                slot.give(share, now)
                self._pace[share[0].queue].gave(len(share))
        self.back += runs

    def _hand_on(self, now: float) -> None:
        """Give away what was taken back from slots that had not begun it, in its old order."""
        for queue in {run.queue for run in self.back}:
            room = self._room(queue)
            mine = [run for run in self.back if run.queue == queue][: sum(room.values())]
            self._give(mine, room, now)
            for run in mine:
                self.back.remove(run)

    def _whole(self, run: Run) -> bool:
        """Say whether a run is fit to be given away; one that somebody has damaged fails."""
        if wrong := damage(run):
            self._recorder.fail(run, wrong)
        return not wrong

    def _due(self, now: float) -> Mapping[str, Due]:
        """Return what waits; now and then what is due is looked for far behind what is delayed."""
        far = now >= self._far_at
        most = places.FAR_AHEAD if far else places.AHEAD
        found = self._database.read(waiting.due, list(self._limits), self._beyond, most)
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
            since = None if due.ahead else self._full.get(queue)
            chosen = partial(claim.claim, ahead=due.ahead, since=since, without=bad)
            if not self._outbox.hears_of_starts(queue):
                return self._database.run_alone(chosen, queue, worker_id, room)
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
