"""The worker: claims jobs, has its slots run them, records how they ended.

One loop, one thread: reap · record · stop · fill · upkeep · rest. A pass never waits but in `rest`
and for the database, which is bounded; the beats have a thread of their own, which goes on only
while the loop goes round.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from connector import log
from connector.actions.action import Action, WorksOnTasks
from connector.actions.events import outbox_of
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Unavailable
from connector.jobs import progress, workers
from connector.jobs.job import Run
from connector.process import OTHER_BUILD, kill_orphans
from connector.worker import saving
from connector.worker.channel import SOON, Message
from connector.worker.ending import Ending
from connector.worker.filling import Filler
from connector.worker.keeping import Keeper
from connector.worker.lease import Lease
from connector.worker.pace import LONG
from connector.worker.recording import Recorder
from connector.worker.rest import Rest
from connector.worker.saving import Saver
from connector.worker.scheduling import Scheduler
from connector.worker.slots import Slot
from connector.worker.upkeep import Upkeep
from connector.worker.watch import Watch

if TYPE_CHECKING:
    from connector.worker.delivering import Deliverer

_log = log.logger(__name__)

POLL, POLL_HEARING = 1.0, 5.0
"""Seconds between two looks at the queues when nothing wakes the worker: the truth. The second
where whatever is stored wakes it by a connection that is known to hear."""

AWAY, LAST = 0.5, 2.0
"""Seconds between two tries while the database is away, and that a worker which ends waits for
deliveries under way."""


class Worker:
    """One worker process. `tell`: shows the supervisor a sign of life; `slots`: there already;
    `deliverer`: of events, if there are handlers."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        lease: Lease,
        tell: Callable[[], None] = lambda: None,
        slots: Sequence[Slot] = (),
        deliverer: "Deliverer | None" = None,
    ) -> None:
        self.settings, self.database, self.lease = settings, database, lease
        self.slots = list(slots)
        self._deliverer = deliverer
        self.stopping = self.other_build = False
        """Whether it is to end, and because the program's files were replaced under it."""
        on_tasks = [name for name, action in actions.items() if isinstance(action, WorksOnTasks)]
        self._tell_supervisor = tell
        outbox = outbox_of(settings)
        self._rest = Rest(database.wake(), certain=database.dialect.listens)
        told = self._rest.interrupt
        self._recorder = Recorder(database, settings, outbox, told)
        self._saver = Saver(database, self._recorder)
        self._watch = Watch(settings, actions)
        self._keeper = Keeper(settings, actions, self.slots)
        self._filler = Filler(settings, actions, database, self.slots, self._recorder, outbox, told)
        scheduler = Scheduler(database, settings, actions, lambda: lease.worker_id)
        self._upkeep = Upkeep(database, settings, on_tasks, scheduler)
        self._poll = min(POLL, lease.seconds / 4)
        self._look_at = self._honour_at = self._rescue_at = self._closely_at = 0.0
        self._away_until, self._give_up_at = 0.0, float("inf")
        self._doubt = False
        lease.tell = told

    def run(self) -> None:
        """Work until told to stop by `shutdown`; then hand back what runs, and end in order."""
        self._moved()
        self.lease.register()
        if self._deliverer is not None:
            self._deliverer.start()
        try:
            while not self._over():
                self.turn()
        finally:
            for slot in self.slots:
                slot.kill()
            self._rest.close()
            if self._deliverer is not None:
                self._deliverer.stop(LAST)
        self.lease.end()

    def turn(self) -> None:
        """Make one pass."""
        self._moved()
        now = time.monotonic()
        self._reap()
        if self.stopping:
            self._filler.back += self._watch.hand_back(self.slots, now)
            while self._filler.back:
                self._recorder.release(self._filler.back.popleft(), "the server was shut down")
        if self.lease.lost:
            self._end_runs()
        if now >= self._away_until:
            try:
                self._with_database(now)
            except Unavailable as error:
                self._away_until = time.monotonic() + AWAY
                self._doubt = True
                _log.warning("database is away", error=str(error))
        self._watch.enforce(self.slots, time.monotonic())
        if news := self._rest.until(self._next(), self.slots):
            self._look_at = min(self._look_at, self._filler.quiet(now))
            self._honour_at *= not self._filler.heard(news)
            self._upkeep.stirred(now)

    def shutdown(self) -> None:
        """Claim no more, have every run end, and be done soon; safe in a signal handler.

        Called again it waits for nobody.
        """
        if self.stopping:
            self._watch.hurry()
        self.stopping = True
        self._rest.interrupt()

    def _moved(self) -> None:
        """Show that the loop goes round: between two passes, and between two statements."""
        self._tell_supervisor()
        self.lease.moved()

    def _with_database(self, now: float) -> None:
        if self._filler.collect(self.lease, now, self.stopping):
            self._look_at = 0.0
        # Also without a lease: of what has ended the fence says whether it still counts.
        if self._recorder.record(self._moved) and self._deliverer:
            self._deliverer.nudge()
        if self.lease.lost:
            if self.stopping or any(slot.ending is Ending.LOST for slot in self.slots):
                return
            self.lease.register()
            self._rescue_at = self._closely_at = 0.0
        self._saver.store(self.slots, self._moved)
        if self._doubt:
            self._release_strays()
        if now >= self._rescue_at and not self.stopping:
            self._rescue(now)
        self._moved()
        if now >= self._honour_at and (self._filler.back or any(s.run for s in self.slots)):
            self._honour(now)
        self._fill(now)
        if not self.stopping:
            self._moved()
            self._upkeep.turn(now, any(slot.idle for slot in self.slots), self._moved)

    def _fill(self, now: float) -> None:
        """Give work to slots that have none, if it is time to look for some."""
        free = not self.stopping and not self.lease.lost
        if free and (now >= self._look_at or self._recorder.handed_back):
            poll = POLL_HEARING if self._rest.hears else self._poll
            wait = min(poll, self._keeper.start(now))
            self._look_at = now + min(wait, self._filler.fill(self.lease, now, self._moved))

    @property
    def _runs(self) -> list[Run]:
        return [*self._filler.back, *(run for slot in self.slots for run in slot.runs)]

    def _honour(self, now: float) -> None:
        """Look what was asked of what runs, and of what is to run here; end that without a run."""
        self._honour_at = now + min(self._poll, self.database.dialect.poll_seconds)
        held = self.database.read(progress.held, self.lease.worker_id, self._runs)
        if self._watch.honour(held, self.slots, self._filler.back, now):
            self._honour_at = now + SOON  # once it is known which of a slot's runs has begun
        for run in [run for run in self._filler.back if held.get(run.fence, "gone") is not None]:
            self._filler.back.remove(run)
            if run.fence in held:
                self._recorder.release(run, "it had not begun")

    def _rescue(self, now: float) -> None:
        if closely := now >= (closely_at := self._closely_at):
            self._release_strays()  # also without doubt: a commit in doubt may come through late
        self._closely_at = 0.0  # unless this comes to its end
        rescued = self.lease.rescue_others(workers.BATCH, self._moved, closely)
        self._closely_at = now + 2 * self.lease.seconds if closely else closely_at
        if len(rescued) < workers.BATCH:
            self._rescue_at = self.lease.look_again(now)
        if rescued:
            self._look_at = self._closely_at = 0.0
            _log.warning("handed back what lost workers held", tokens=rescued)

    def _reap(self) -> None:
        for slot in list(self.slots):
            if messages := slot.messages():
                now = time.monotonic()
                for message in messages:
                    self._hear(slot, message, now)
            if slot.behind and time.monotonic() >= slot.began + LONG:  # they do not wait for it
                self._filler.back += (taken := slot.take_back(time.monotonic()))
                self._look_at *= not taken
            status = slot.reaped()
            if status is not None:
                for message in slot.last_messages():
                    self._hear(slot, message, time.monotonic())
                self._bury(slot, status)
        self._filler.told_all()

    def _hear(self, slot: Slot, message: Message, now: float) -> None:
        slot.heard, kind, run = now, message["type"], slot.run
        if kind == "ready":
            slot.ready = True
            self._keeper.began()
        elif kind == "idle":
            slot.dropped(message["received"])
        elif run is None or slot.ending is Ending.LOST:
            return
        else:
            saving.take(slot, message)
            if kind in ("progress", "save"):
                return
            self._filler.took(run.queue, message["took"])
            self._recorder.outcome(run, message, slot.ended(now))
            if slot.ending is not None:
                slot.channel.end()  # it was asked to end, and has ended its run first
        self._look_at = 0.0

    def _bury(self, slot: Slot, status: int) -> None:
        self.slots.remove(slot)
        begun_none = slot.take_back(time.monotonic())
        if not self.lease.lost:
            self._filler.back += begun_none
        slot.close()
        known = {other.pid for other in self.slots}
        killed = kill_orphans(known | (self._deliverer.pids if self._deliverer else set()))
        if killed:
            _log.warning("killed what a slot had left behind", processes=killed)
        self._look_at = 0.0
        if status == OTHER_BUILD and not self.other_build:
            _log.error("the program's files were replaced: ending, to be started anew")
            self.other_build = True
            self.shutdown()
        elif not slot.ready and slot.ending is None:
            self._keeper.could_not_begin(slot.heard, f"exit status {status}", time.monotonic())
        while (run := slot.run) is not None:  # that is one: it has begun no other
            told = slot.ended(time.monotonic())
            self._recorder.death(run, slot.ended_for, slot.why, status, told)

    def _release_strays(self) -> None:
        """Hand back what was claimed by a transaction whose answer was lost."""
        self._filler.collect(self.lease, time.monotonic(), True)
        known = {run.token for run in self._runs} | self._recorder.tokens
        for run in self.database.read(workers.strays, self.lease.worker_id, known):
            self._recorder.release(run, "the answer to its claim was lost")
        self._recorder.record(self._moved)
        self._doubt = False

    def _end_runs(self) -> None:
        """Kill every run, at once: somebody else may have taken it."""
        runs = [slot for slot in self.slots if slot.run and slot.ending is not Ending.LOST]
        if runs:
            _log.error("lease lost: ending all runs", worker=self.lease.worker_id)
        for slot in runs:
            slot.ask_to_end(Ending.LOST, time.monotonic(), 0.0)
            slot.kill()
        self._filler.back.clear()
        self.lease.drop()

    def _next(self) -> float:
        """Return the monotonic time at which the next pass has something to do."""
        work = min(self._look_at, self._rescue_at, self._saver.next(self.slots))
        if any(slot.run for slot in self.slots):
            work = min(work, self._honour_at)
        if any(slot.behind for slot in self.slots):
            work = min(work, time.monotonic() + SOON)
        return min(
            max(work, self._away_until),
            self._watch.next(self.slots),
            self.lease.lapses_at,
            time.monotonic() + self._poll,
        )

    def _over(self) -> bool:
        if not self.stopping:
            return False
        if not self.slots and self._give_up_at == float("inf"):
            self._give_up_at = time.monotonic() + 5.0  # for what is still to be recorded
        kept = self._recorder.tokens or self._filler.holds
        return not self.slots and (not kept or time.monotonic() >= self._give_up_at)
