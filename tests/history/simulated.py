"""Workers that are plain objects, over the real verbs on a real database, with their own clock.

They do what real ones do, one transaction a step, so that anything can come between two steps: a
frozen one goes on later with what it knew, a crashed one never. What happens is noted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from connector.datastore import holding
from connector.datastore.errors import HolderLost
from connector.datastore.holding import Holder
from connector.db.engine import Database, Tx
from connector.jobs import claim, fence, outcomes, progress, turns, waiting, workers
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import Requested, State
from connector.jobs.token import new_token
from connector.jobs.workers import LeaseWatch
from tests.history.history import Began, Ended, Fault, Note, Renewed, Wrote

LEASE = 3.0
TASKS = ("A", "B")
PLAIN, FETCH = "Test", "Fetch"
"""Queues: one whose jobs do not exclude each other, and one of fetches, which do by task."""

ENDS: dict[str, Callable[[Tx, Run], State]] = {
    "finish": lambda tx, run: outcomes.finish(tx, run, {}),
    "fail": lambda tx, run: outcomes.fail(tx, run, "as meant"),
    "retry": lambda tx, run: outcomes.retry(tx, run, "as meant", 0.0, 3),
    "release": lambda tx, run: outcomes.release(tx, run, "as meant"),
    "stop": lambda tx, run: outcomes.stop(tx, run),
}
UP, FROZEN, DEAD = "up", "frozen", "dead"


@dataclass(slots=True)
class Book:
    """The notes of all, and the clock they read, in seconds."""

    notes: list[Note] = field(default_factory=list)
    now: float = 0.0

    def write(self, note: Note) -> None:
        """Keep a note; the next one is later."""
        self.notes.append(note)
        self.now += 1e-6


@dataclass(slots=True, eq=False)
class Slot:
    """A run in a worker's hands. `verb`: how it has ended, while that is still to be recorded."""

    run: Run
    holder: Holder | None = None
    verb: str = ""


class Worker:
    """A worker, and what it knows. Each method is a step of its own, and may come at any time."""

    def __init__(self, database: Database, book: Book) -> None:
        self.life = ""
        self.slots: list[Slot] = []
        self._database = database
        self._book = book
        self._begin()

    def _begin(self) -> None:
        """Know nothing, as a process that has just been started."""
        self.life = UP
        self.slots = []
        self._watch = LeaseWatch(LEASE)
        self._lapsed: dict[str, int] = {}
        self._doubt = False
        self._register()

    def _register(self) -> None:
        """Begin a lease under a fresh id."""
        self.id = new_token()
        me = workers.Worker(self.id, "host", "boot", 1, "0", {})
        self._database.run(workers.register, me, {PLAIN: 60.0, FETCH: 60.0})

    def beat(self) -> None:
        """Renew the lease, or end all runs and begin another one."""
        if self._database.run(workers.beat, self.id):
            self._book.write(Renewed(self.id, self._book.now))
            return
        self._end_all()
        self._register()

    def look(self) -> None:
        """Look at the beats of the others, and remember whose lease has lapsed."""
        beats = self._database.read(workers.beats)
        beats.pop(self.id, None)
        self._lapsed = self._watch.lapsed(self._book.now, beats)

    def rescue(self) -> None:
        """Take away the leases that were seen to have lapsed, and hand back what has no worker."""
        for worker, beat in self._lapsed.items():
            self._database.run(workers.evict, worker, beat)
        self._lapsed = {}
        workers.rescue(self._database, f"worker {self.id}")

    def claim(self, queue: str, limit: int = 1, *, answer_lost: bool = False) -> None:
        """Claim jobs and begin them; with the answer lost, they are stored as its and unknown."""
        if queue == FETCH:
            runs = self._database.run(turns.claim_in_turn, queue, self.id, limit, TASKS)
        else:
            runs = self._database.run(claim.claim, queue, self.id, limit)
        if answer_lost:
            self._doubt = True
            return
        for run in runs:
            self._book.write(Began(run.token, run.attempt, self.id, self._book.now))
            self.slots.append(Slot(run))

    def fill(self, limit: int) -> None:
        """Claim from every queue in which something is due."""
        for queue, due in self._database.read(waiting.due, [PLAIN, FETCH]).items():
            if not due.seconds:
                self.claim(queue, limit)

    def release_strays(self) -> None:
        """Hand back what it holds without knowing."""
        if not self._doubt:
            return
        known = [slot.run.token for slot in self.slots]
        for run in self._database.read(workers.strays, self.id, known):
            self.slots.append(Slot(run, verb="release"))
        self._doubt = False

    def write(self, slot: Slot) -> None:
        """Have a run save a checkpoint; one with a task takes hold of it first, then writes."""
        if slot.verb:
            return
        run = slot.run
        try:
            if not run.tasks:
                self._database.run(progress.save, run, checkpoint={"by": run.attempt})
                return
            holder = slot.holder or Holder(run.tasks[0], run.token, run.attempt)
            if slot.holder is None:
                self._database.run(_hold, holder, run)
            else:
                self._database.run(holding.record, holder, {"by": run.attempt}, {})
            slot.holder = holder
        except (LeaseLost, HolderLost):
            self.end(slot, "release")
        else:
            self._book.write(Wrote(holder.task, run.token, run.attempt, self._book.now))

    def end(self, slot: Slot, verb: str) -> None:
        """Have a run end, which is to be recorded later."""
        if slot.verb:
            return
        slot.verb = verb
        run, failed = slot.run, verb in ("fail", "retry")
        ended = Ended(
            run.token, run.attempt, run.worker_id, self._book.now, verb == "finish", failed
        )
        self._book.write(ended)

    def record(self, *, answer_lost: bool = False) -> None:
        """Record how runs have ended; with the answer lost, they will be recorded once more."""
        for slot in [slot for slot in self.slots if slot.verb]:
            try:
                self._database.run(ENDS[slot.verb], slot.run)
            except LeaseLost:
                self._database.run(outcomes.refused, slot.run, slot.verb)
            if not answer_lost:
                self.slots.remove(slot)

    def honour(self) -> None:
        """End the runs that somebody has asked to stop or to pause."""
        held = self._database.read(progress.held, self.id, [slot.run for slot in self.slots])
        for slot in self.slots:
            if what := held.get((slot.run.token, slot.run.attempt)):
                self.end(slot, "stop" if what is Requested.STOP else "release")

    def freeze(self) -> None:
        """Stand still until `thaw`; the slots go on."""
        self._book.write(Fault("freeze", self._book.now, self.id))
        self.life = FROZEN

    def thaw(self) -> None:
        """Go on where it stood still."""
        self.life = UP

    def crash(self) -> None:
        """Die, and all slots with it."""
        self._book.write(Fault("crash", self._book.now, self.id))
        self._end_all()
        self.life = DEAD

    def restart(self) -> None:
        """Have a supervisor take away the dead one's lease, and start another in its place."""
        self._database.run(workers.evict, self.id)
        workers.rescue(self._database, "supervisor")
        self._begin()

    def shut_down(self) -> None:
        """Hand back what runs, and end in order."""
        for slot in self.slots:
            self.end(slot, "release")
        self.record()
        self._database.run(workers.retire, self.id)

    def _end_all(self) -> None:
        for slot in self.slots:
            self.end(slot, "killed")
        self.slots = []


def _hold(tx: Tx, holder: Holder, run: Run) -> None:
    if not fence.holds(tx, run.token, run.attempt, run.worker_id):
        raise LeaseLost(run.token, run.attempt)
    holding.hold(tx, holder)
