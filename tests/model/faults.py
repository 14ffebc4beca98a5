"""What happens to the queue: crashes, freezes, changes by hand, and time.

Time is counted in ticks. A worker that moves and reaches the database beats in each, and looks at
the other's beat; what it had missed comes first, so no time passes before that is done.
"""

from connector.jobs.states import FINAL, State
from tests.model.model import claim
from tests.model.world import (
    CUT,
    DEAD,
    EVICT,
    FROZEN,
    LEASE,
    UNSEEN,
    UP,
    Job,
    Next,
    Rule,
    Rules,
    Step,
    Worker,
    World,
    lapsed,
    move,
    overdue,
    put,
    store,
)


def by_hand(world: World, rules: Rules, j: int, job: Job) -> Next:
    """Have somebody with psql, who knows no better, change a row."""
    if not world.faults:
        return
    if job.state in FINAL:
        if changed := move(job, State.RUNNING, rules):
            yield Step("change by hand", job=j), store(world, j, changed, fault=True)
    if job.attempt and job.state == State.RUNNING and Rule.COUNT not in rules:
        lower = job._replace(attempt=job.attempt - 1)
        yield Step("lower the attempt by hand", job=j), store(world, j, lower, fault=True)


def trouble(world: World, rules: Rules, w: int, worker: Worker) -> Next:
    """Crash, freeze or cut off a worker between any two steps, and let it recover."""
    if worker.life == CUT:
        yield Step("reach the database again", w), put(world, w, worker._replace(life=UP))
    if worker.life == FROZEN:
        thawed = worker._replace(life=UP)
        yield Step("thaw", w), put(world, w, thawed)
        if not worker.run and not worker.doubt:  # it may have been just about to claim
            for step, after in claim(world, rules, w, thawed):
                yield step._replace(verb=f"thaw and {step.verb}"), after
    if not world.faults:
        return
    dead = Worker(life=DEAD, row=worker.row)  # its slots die with it
    yield Step("crash", w), put(world, w, dead, fault=True)
    if worker.life == UP:
        yield Step("freeze", w), put(world, w, worker._replace(life=FROZEN), fault=True)
        yield Step("be cut off", w), put(world, w, worker._replace(life=CUT), fault=True)


def tick(world: World, rules: Rules) -> Next:
    """Let time pass, once everybody who moves has done what is overdue."""
    for worker in world.workers:
        ends = Rule.CLOCK in rules and worker.life != FROZEN and lapsed(worker) and worker.run
        if ends or (worker.life == UP and overdue(worker)):
            return
    one, two = world.workers
    yield Step("tick"), World(world.jobs, (older(one, two), older(two, one)), world.faults)


def older(worker: Worker, other: Worker) -> Worker:
    """Return a worker after a tick."""
    if worker.life == DEAD:
        return worker
    if other.life == UP or worker.watch == UNSEEN:
        looks = worker.life == UP and other.row and worker.plan != EVICT
        watch = 0 if looks else UNSEEN
    else:
        watch = min(LEASE, worker.watch + 1)
    age = 0 if worker.life == UP else min(LEASE, worker.age + 1)
    return worker._replace(age=age, watch=watch)
