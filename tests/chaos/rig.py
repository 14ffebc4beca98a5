"""One fault on one engine, from an empty database to the verdict."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.states import OPEN
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests.chaos.checks import Verdict, check
from tests.chaos.load import QUEUE, Client, Load, Submission
from tests.chaos.places import Engine, Place, Wish, eventually
from tests.chaos.trace import Note, Trace
from tests.chaos.tree import SLOTS, Tree
from tests.conftest import migrate

DRAIN = 60.0
"""Seconds after which what has not ended counts as lost."""


class Fault:
    """Something that goes wrong. `needs`: what an engine must not lack for it to mean anything."""

    name: ClassVar[str]
    needs: ClassVar[str] = ""
    wish: ClassVar[Wish] = Wish()

    def inject(self, rig: "Rig") -> None:
        """Do it; return when it has been done, and lasted as long as it should."""
        raise NotImplementedError

    def heal(self, rig: "Rig") -> None:
        """End it: what the rig's stack holds, where a fault does not say otherwise."""
        rig.stack.close()


@dataclass(frozen=True)
class Size:
    """How much of everything. `windows`: measurements of the rate, each of about `seconds`."""

    rounds: int = 2
    """Times that each fault is injected."""
    windows: int = 3
    seconds: float = 2.5
    submissions: int = 20
    """Sent between two rounds, at least."""


FEW = 60
"""Actions that show roughly how many a second there are."""

SHORT = Size(rounds=1, windows=0, submissions=8)
"""Enough to see that a fault loses and doubles nothing; too little for a rate."""


@dataclass
class Outcome:
    """What one fault did on one engine."""

    submitted: int = 0
    accepted: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    back: list[float] = field(default_factory=list)
    """Seconds from the end of each fault until a new action and all interrupted ones ran."""
    before: float = 0.0
    after: float = 0.0
    """Actions a second."""


class Rig:
    """Database, processes and clients of one run; the faults get at everything here."""

    def __init__(self, folder: Path, place: Place, wish: Wish, seed: int) -> None:
        self.folder = folder
        self.place = place
        self.wish = wish
        self.trace = Trace(folder / "trace")
        self.database = Database(place.direct, application="chaos", patience=10.0)
        environment = place.clock.environment if place.clock else {}
        self.trees = [Tree("serve", folder / "host1", place.url, environment)]
        for number in range(1, wish.hosts):
            name = f"host{number + 1}"
            self.trees.append(Tree("work", folder / name, place.direct, environment))
        self.load = Load(self.client, seed)
        self.injected: list[tuple[str, float]] = []
        """The faults so far, each with its monotonic moment."""
        self.stack = contextlib.ExitStack()
        """For what a fault begins in `inject` and ends in `heal`."""

    @property
    def tree(self) -> Tree:
        """The first tree, which takes actions."""
        return self.trees[0]

    def client(self) -> Client:
        """Return a client of the first tree, wherever that is when it asks."""
        return Client(lambda: self.tree.address, self.trace.path)

    def running(self) -> list[Note]:
        """Wait until something long runs, and return all that do."""

        def found() -> list[Note]:
            runs = self.trace.under_way()
            ticking = any(self.trace.by_token[run.token][-1].word == "tick" for run in runs)
            return runs if ticking else []

        runs: list[Note] = eventually("something long runs", found)
        return runs

    def again(self, victim: Note) -> bool:
        """Say whether what was interrupted runs again, or has ended."""
        self.trace.read()
        notes = self.trace.by_token[victim.token]
        if any(n.attempt > victim.attempt or n.word in ("end", "left") for n in notes):
            return True
        return victim.token not in self.open()

    def open(self) -> set[str]:
        """Return the actions that have not ended."""
        select = sa.select(jobs.c.token).where(jobs.c.state.in_(OPEN))
        return self.database.read(lambda tx: set(tx.execute(select).scalars()))

    def rate(self, batch: int) -> tuple[float, int]:
        """Have actions run that do nothing; return how many a second, and in how many slots."""
        new: list[NewJob] = []
        for _ in range(batch):
            submission = self.load.new("nothing")
            submission.token = new_token()
            given = {"Do": "nothing", "Trace": str(self.trace.path), "Steps": 0}
            new.append(NewJob(submission.token, QUEUE, given, action_id=submission.mark))
        waiting = {job.token for job in new}
        begun = time.monotonic()
        self.database.run(submit.submit, new)
        self.database.notify({QUEUE})

        def ended() -> bool:
            waiting.difference_update([token for token in waiting if self.trace.finished(token)])
            return not waiting

        eventually(f"{batch} actions run", ended, DRAIN)
        took = time.monotonic() - begun
        mine = {job.token for job in new}
        eventually("their ends are stored", lambda: not mine & self.open(), DRAIN)
        slots = {note.pid for token in mine for note in self.trace.by_token[token]}
        return batch / took, len(slots)

    def back(self, healed: float, victims: list[Note]) -> float:
        """Wait until a new action has run, and what was interrupted runs; return the seconds."""
        client = self.client()

        def served() -> Submission | None:
            probe = self.load.new("nothing")
            client.submit(probe)
            return probe if probe.token else None

        probe: Submission = eventually("an action is taken", served)
        client.close()
        assert probe.token is not None
        eventually("it runs", lambda: self.trace.finished(probe.token or ""))
        eventually("the interrupted run again", lambda: all(map(self.again, victims)))
        return time.monotonic() - healed


def run(engine: Engine, faults: Sequence[Fault], size: Size, seed: int) -> Outcome:
    """Do the whole of it, fault after fault; all of them wish for the same.

    What does not come about in time is among what is wrong of the outcome.
    """
    wish = faults[0].wish
    with tempfile.TemporaryDirectory(prefix="webex-connector-chaos-") as name:
        folder = Path(name)
        with engine.place(folder, wish) as place:
            rig = Rig(folder, place, wish, seed)
            try:
                return _run(rig, faults, size)
            finally:
                rig.stack.close()
                for tree in rig.trees:
                    tree.kill()
                rig.database.close()


def _run(rig: Rig, faults: Sequence[Fault], size: Size) -> Outcome:
    outcome = Outcome()
    late: list[str] = []
    migrate(rig.database)
    for tree in rig.trees:
        tree.start()
    with _noting(late, "before"):
        outcome.before = _best_rate(rig, size)
    rig.load.start()
    for fault in faults:
        for _ in range(size.rounds):
            with _noting(late, fault.name):
                outcome.back.append(_once(rig, fault, size))
    rig.load.stop()
    with _noting(late, "afterwards"):
        eventually("all actions end", lambda: not rig.open(), DRAIN)
        outcome.after = _best_rate(rig, size)
    _end(rig, late)
    rig.trace.read()
    one_host = rig.wish.hosts == 1
    outcome.verdict = check(
        rig.database,
        rig.load.submissions,
        rig.trace.by_token,
        rig.injected,
        one_host=one_host,
    )
    outcome.verdict.wrong += late
    outcome.submitted = len(rig.load.submissions)
    outcome.accepted = len(rig.load.accepted)
    return outcome


def _once(rig: Rig, fault: Fault, size: Size) -> float:
    """Inject a fault under load, heal it, and return the seconds until all is well again."""
    enough = len(rig.load.accepted) + size.submissions
    eventually("clients are served", lambda: len(rig.load.accepted) >= enough)
    victims = rig.running()
    rig.injected.append((fault.name, time.monotonic()))
    try:
        fault.inject(rig)
    finally:
        fault.heal(rig)
    return rig.back(time.monotonic(), victims)


def _best_rate(rig: Rig, size: Size) -> float:
    """Return the highest of some rates: what else the machine does only makes them lower."""
    if not size.windows:
        return 0.0
    slots = SLOTS * len(rig.trees)
    eventually("every slot takes part", lambda: rig.rate(FEW)[1] >= slots)
    batch = max(FEW, round(rig.rate(FEW)[0] * size.seconds))
    return max(rig.rate(batch)[0] for _ in range(size.windows))


def _end(rig: Rig, late: list[str]) -> None:
    """End all trees in order, and note what they leave behind."""
    for tree in rig.trees:
        status = tree.end()
        if status:
            late.append(f"{tree.command} ended with status {status}")
        late += [f"{process} is left" for process in tree.left()]


@contextlib.contextmanager
def _noting(late: list[str], when: str) -> Iterator[None]:
    """Note what did not come about, and go on."""
    try:
        yield
    except TimeoutError as error:
        late.append(f"{when}: {error}")
