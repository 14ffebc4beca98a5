"""What there is in the model: the rules, the rows, and what each process knows."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from connector.jobs.states import LEGAL, State

LEASE = 2
"""Ticks without a beat after which a lease has lapsed."""
MAX_ATTEMPTS = 2
"""Failures after which a job is failed; losses come on top, so a job sees more attempts."""

NEW, TOLD, NEVER, VANISHED = (
    "not stored",
    "told, not stored",
    "never stored",
    "told, never stored",
)
UP, CUT, FROZEN, DEAD = "up", "cut off", "frozen", "dead"
BEGUN, HOLDING = "begun", "holding its task"
ACTIVE = (BEGUN, HOLDING)
"""Phases of a run that has effects; the others are named by the verb that waits to be recorded."""
GONE, UNSEEN = -1, -1
EVICT, RESCUE = "evict", "rescue"
TARGET = {
    "finish": State.FINISHED,
    "retry": State.QUEUED,
    "release": State.QUEUED,
    "lose": State.QUEUED,
    "stop": State.STOPPED,
}


class Rule(StrEnum):
    """What keeps the queue safe; each can be left out of the model to see what it is good for."""

    FENCE = "fence"  # a write about a run names its attempt and its worker
    LAPSE = "lapse"  # a lease lapses only when the same beat was seen for its whole time
    BEAT = "beat"  # whoever takes a lease away compares the beat again
    RENEWAL = "renewal"  # a lease that was taken away cannot be renewed
    CLOCK = "clock"  # a worker ends its runs when by its own clock its lease has lapsed
    RESCUE = "rescue"  # every running job without a living worker is rescued, whoever evicted it
    STRAYS = "strays"  # after a claim in doubt a worker hands back what it does not know
    FORGOTTEN = "forgotten"  # and after it has ended its own runs, if its lease was still there
    GUARD = "guard"  # the database refuses a move that is not legal
    COUNT = "count"  # and an attempt that goes down
    HOLD = "hold"  # only the run that holds the job takes hold of its task
    HOLDER = "holder"  # only the holder of a task writes its rows
    STOP = "stop"  # a stop that was asked for wins, however the run ends
    COMMIT = "commit"  # a client is told after the commit, not before


Rules = frozenset[Rule]
ALL: Rules = frozenset(Rule)


class Run(NamedTuple):
    """What a worker knows of the run in its slot. `phase`: see ACTIVE."""

    job: int
    attempt: int
    phase: str


class Orphan(NamedTuple):
    """A running job that was seen to have no living worker, when it was looked at."""

    job: int
    attempt: int
    worker: int


class Job(NamedTuple):
    """A row of `jobs`, and `holder`: the attempt that holds its task in the datastore."""

    state: str = NEW
    attempt: int = 0
    worker: int = GONE
    failures: int = 0
    stop: bool = False
    holder: int = 0


class Worker(NamedTuple):
    """A worker and its lease. `age`: ticks since its last beat, by its own clock.

    `watch`: ticks for which it has seen the other's beat stand still; `plan`: what it is about to
    do about the other, "evict" or a rescue; `doubt`: it may hold what it does not know.
    """

    life: str = UP
    row: bool = True
    age: int = 0
    watch: int = UNSEEN
    plan: Orphan | str = ""
    run: Run | None = None
    doubt: bool = False


class World(NamedTuple):
    """Everything there is. `faults`: how many may still happen."""

    jobs: tuple[Job, ...]
    workers: tuple[Worker, ...]
    faults: int


class Step(NamedTuple):
    """What somebody did: `verb`, in the words of the code, by a worker, to a job's attempt.

    `holder`: the worker whose attempt that is, where another one did it.
    """

    verb: str
    worker: int = GONE
    job: int = GONE
    attempt: int = 0
    holder: int | None = None


Next = Iterator[tuple[Step, World]]


def start(jobs: int, faults: int) -> World:
    """Return the world before anything has happened."""
    return World((Job(),) * jobs, (Worker(), Worker()), faults)


def put(world: World, w: int, worker: Worker, fault: bool = False) -> World:
    workers = (worker, world.workers[1]) if w == 0 else (world.workers[0], worker)
    return World(world.jobs, workers, world.faults - fault)


def store(world: World, j: int, job: Job, fault: bool = False) -> World:
    return World((*world.jobs[:j], job, *world.jobs[j + 1 :]), world.workers, world.faults - fault)


def unseen(world: World, w: int) -> World:
    """Have the other worker's last look at this one's beat be out of date."""
    return put(world, 1 - w, world.workers[1 - w]._replace(watch=UNSEEN))


def held_by(job: Job, attempt: int, w: int) -> bool:
    return job.state == State.RUNNING and job.attempt == attempt and job.worker == w


def lapsed(worker: Worker) -> bool:
    return worker.age >= LEASE


def overdue(worker: Worker) -> bool:
    """Say whether its beat is, or would be refused."""
    return bool(worker.age) or not worker.row


def move(job: Job, target: str, rules: Rules) -> Job | None:
    """Return the row with another state, or None where the guard refuses."""
    legal = job.state == target or (job.state, target) in LEGAL
    return job._replace(state=target) if legal or Rule.GUARD not in rules else None
