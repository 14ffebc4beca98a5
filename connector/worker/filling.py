"""Claims for free slots."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from connector import board, log
from connector.actions.action import Action, WorksOnTasks
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.jobs import places, waiting
from connector.jobs.job import Run
from connector.jobs.news import understood
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.waiting import Due
from connector.worker.claimed import count, damage
from connector.worker.claiming import Claim, Claimer
from connector.worker.cursor import Cursors
from connector.worker.lease import Lease
from connector.worker.pace import LARGEST, LONG, Pace
from connector.worker.patience import Patience
from connector.worker.recording import Recorder
from connector.worker.slots import Slot

_log = log.logger(__name__)

BLIND = 0.25
"""Seconds for which a queue that has much is claimed from without a look what waits elsewhere."""

KEPT, LET_GO, SOON_FREE = 100, 20, 1.0
"""Runs that are kept until slots become free; of what is more so many go back at once, after as
many seconds in which slots may become free for them."""

FAR = 1.0  # seconds between two far looks for what is due behind what is delayed


class Filler:
    """Gives free slots work.

    `told` is called when a claim has ended that was begun beside.
    """

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        slots: Sequence[Slot],
        recorder: Recorder,
        outbox: Outbox = NOBODY,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._actions = actions
        self._database = database
        self._slots = slots
        self._recorder = recorder
        self._claimer = Claimer(settings, actions, database, outbox)
        self._told = told
        self._limits = {name: settings.queue(name).maximum_threads for name in actions}
        self._pace = {name: Pace() for name in actions}
        self._took: dict[str, list[float]] = defaultdict(list)
        self.back: deque[Run] = deque()
        """Claimed runs that no slot has, or none has begun."""
        self._beyond: dict[str, places.Place] = {}
        self._far_at = self._due_at = 0.0
        self._let_go_at = float("inf")
        self._next = float("inf")
        self._patience = Patience()
        self._full = Cursors()
        self._new: set[str] = set()

    def fill(self, lease: Lease, now: float, moved: Callable[[], None]) -> float:
        """Claim for slots that are free, while the lease is there.

        `moved` is called between statements. Returns the seconds until something is due that waits
        for its time. Raises Unavailable.
        """
        self._hand_on(now)
        if not any(self._room(queue) for queue in self._limits):
            return self._let_go_at - now
        self.heard(self._recorder.handed_back)
        self._recorder.handed_back.clear()
        took, anything = self._claimer.head_seconds, "" in self._new
        self._full.look_at_heads(now, took, anything=anything)
        known, self._new = self._full.keys() | self._new - {""}, set()
        self._patience.looks()
        for queue in known:
            if not self._take(queue, Due(0.0), lease, now, moved):
                self._due_at = 0.0  # it may be delayed, or wait for its turn
        if not known or now >= min(self._due_at, self._next):
            self._due_at, self._next = now + BLIND, float("inf")
            for queue, due in self._due(now).items():
                if due.seconds > 0:
                    self._next = min(self._next, now + due.seconds)
                    continue
                # What stands at the head may not run now; what is due behind it may.
                for look in (due,) if due.ahead else (due, replace(due, ahead=places.NOW)):
                    if queue not in self._full:
                        self._take(queue, look, lease, now, moved)
        looks_again = self._due_at if self._full else float("inf")
        return min(self._next, self._let_go_at, looks_again) - now

    def heard(self, news: Collection[str]) -> bool:
        """Take note of what is new in queues; say whether it may be anything."""
        for queue, rank in map(understood, news):
            if queue in self._limits or not queue:
                self._new.add(queue)
                if rank is not None and (cursor := self._full.get(queue)):
                    cursor.heard(rank)
        return "" in news

    def quiet(self, now: float) -> float:
        """Return until when news need not be looked at."""
        return now + self._patience.seconds

    def _take(
        self, queue: str, look: Due, lease: Lease, now: float, moved: Callable[[], None]
    ) -> bool:
        """Claim what there is room for, and give it to slots; say whether that was anything."""
        room = self._room(queue, at_once=look.limited)
        if not room or lease.lost or self._claimer.under_way == queue:
            return True
        moved()
        wanted = Claim(queue, lease.worker_id, min(sum(room.values()), LARGEST), look)
        cursor = None if look.limited or look.ahead else self._full.get(queue)
        if cursor:
            wanted = cursor.next(wanted)
        beside = self._database.dialect.writes_beside and not self._claimer.under_way
        if cursor and beside and self._in_chunks(queue):  # else the slot may be gone to another
            self._claimer.begin(wanted, self._told)
            return True
        found = self._took_over(wanted, self._claimer.claim(wanted), room, now)
        return self._take(queue, look, lease, now, moved) or found if wanted.looks_back else found

    def collect(self, lease: Lease, now: float, keep: bool = False) -> bool:
        """Take what a claim beside has got, if it has ended; say whether. Raises Unavailable.

        `keep`: wait for its end, and give nothing away.
        """
        if (ended := self._claimer.collect(wait=keep)) is None:
            return False
        wanted, runs = ended
        if wanted.worker_id != lease.worker_id:
            return True  # whoever has taken the lease away hands them on
        if keep or lease.lost:
            self.back += runs
        else:
            self._took_over(wanted, runs, self._room(wanted.queue), now)
        return True

    @property
    def holds(self) -> bool:
        """Whether runs are claimed that no slot has, or may be."""
        return bool(self.back) or self._claimer.under_way is not None

    def _took_over(
        self, wanted: Claim, runs: Sequence[Run], room: Mapping[Slot, int], now: float
    ) -> bool:
        queue = wanted.queue
        whole = [run for run in runs if self._whole(run)]
        before, idle = self._overtaking(wanted, whole), self._spare(queue)
        if before and idle:  # else they would wait behind what lies ready
            self._give(before, {idle: len(before)}, now)
            whole = whole[len(before) :]
            room = {slot: most for slot, most in room.items() if slot is not idle}
        self._give(whole, room, now)
        self._full.took(wanted, runs, now)
        count(runs)
        if runs:
            self._patience.found()
        return bool(runs)

    def _overtaking(self, wanted: Claim, runs: Sequence[Run]) -> Sequence[Run]:
        """Return those that stand before what has been claimed: urgent, or handed back.

        Of many as many as one slot takes.
        """
        cursor = self._full.get(wanted.queue) if wanted.looks_back else None
        if not cursor or not self._in_chunks(wanted.queue):
            return ()
        return cursor.overtaking(runs)[: self._pace[wanted.queue].size]

    def _spare(self, queue: str) -> Slot | None:
        """Return an idle slot that the queue may use besides those it uses."""
        used = sum(slot.run is not None and slot.run.queue == queue for slot in self._slots)
        idle = (slot for slot in self._slots if slot.idle)
        return next(idle, None) if 0 < used < self._limits[queue] else None

    def took(self, queue: str, seconds: float) -> None:
        """Note how long an action of a queue took."""
        self._took[queue].append(seconds)

    def told_all(self) -> None:
        """Take account of what was noted."""
        for queue, seconds in self._took.items():
            self._pace[queue].took(seconds)
            board.observe(Metric.RUN_SECONDS, seconds, queue)
        self._took.clear()

    def _in_chunks(self, queue: str) -> bool:
        """Say whether slots are given several runs of a queue; never such as exclude each other."""
        exclusive = isinstance(self._actions[queue], WorksOnTasks)
        return self._pace[queue].size > 1 and not exclusive

    def _room(self, queue: str, *, at_once: bool = False) -> dict[Slot, int]:
        """Return how many runs of a queue each slot takes now.

        `at_once`: only such as can begin now.
        """
        size, most = self._pace[queue].size, self._limits[queue]
        if at_once or not self._in_chunks(queue):
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
            # More lie ready behind them, so that no slot waits for a claim; of what is shortest so
            # many that one claim can be made after the other.
            ready = 3 if size == LARGEST else 2
            room = dict.fromkeys(room, ready * size)
            held = {slot: len(slot.behind) + 1 for slot in at_it if slot.open}
            enough = (ready - 1) * size
            room |= {slot: ready * size - count for slot, count in held.items() if count <= enough}
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
        """Give away what was taken back from slots that had not begun it, in its old order.

        Of very many that no slot takes most go back to the queue, where others find them.
        """
        for queue in {run.queue for run in self.back}:
            room = self._room(queue)
            mine = [run for run in self.back if run.queue == queue][: sum(room.values())]
            self._give(mine, room, now)
            for run in mine:
                self.back.remove(run)
        if len(self.back) <= KEPT:
            self._let_go_at = float("inf")
        elif now < self._let_go_at:
            self._let_go_at = min(self._let_go_at, now + SOON_FREE)
        else:
            for _ in range(min(LET_GO, len(self.back) - KEPT)):
                self._recorder.release(self.back.pop(), "no slot was free for it in time")

    def _whole(self, run: Run) -> bool:
        """Say whether a run is fit to be given away; one that somebody has damaged fails."""
        if wrong := damage(run):
            self._recorder.fail(run, wrong)
        return not wrong

    def _due(self, now: float) -> Mapping[str, Due]:
        """Return what waits; now and then what is due is looked for far behind what is delayed."""
        far = now >= self._far_at
        most = places.FAR_AHEAD if far else places.AHEAD
        # Of a queue that has much it is known; and its head may lie behind all that are claimed.
        names = self._limits.keys() - self._full.keys()
        found = self._database.read(waiting.due, names, self._beyond, most)
        for queue, due in found.items():
            if far or due.ahead:
                self._beyond[queue] = due.beyond
        if far:
            self._far_at = now + FAR
        return found
