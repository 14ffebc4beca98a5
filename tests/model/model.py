"""The verbs, named as in the code: each step is one transaction, or one thing a process does.

What a worker knows goes stale between its steps, as it does in the real one.
"""

from connector.jobs.states import State
from tests.model.world import (
    ACTIVE,
    BEGUN,
    EVICT,
    GONE,
    HOLDING,
    LEASE,
    MAX_ATTEMPTS,
    NEVER,
    NEW,
    RESCUE,
    TARGET,
    TOLD,
    UNSEEN,
    VANISHED,
    Job,
    Next,
    Orphan,
    Rule,
    Rules,
    Run,
    Step,
    Worker,
    World,
    held_by,
    move,
    overdue,
    put,
    store,
    unseen,
)


def client(world: World, rules: Rules, j: int, job: Job) -> Next:
    if job.state in (NEW, TOLD):
        yield Step("submit", job=j), store(world, j, job._replace(state=State.QUEUED))
        if job.state == NEW and Rule.COMMIT not in rules:
            yield Step("tell", job=j), store(world, j, job._replace(state=TOLD))
        if world.faults:
            lost = VANISHED if job.state == TOLD else NEVER
            yield Step("crash http", job=j), store(world, j, job._replace(state=lost), fault=True)
        return
    if job.state == State.QUEUED:
        yield Step("cancel", job=j), store(world, j, job._replace(state=State.CANCELLED))
    if job.state == State.RUNNING and not job.stop:
        yield Step("request stop", job=j), store(world, j, job._replace(stop=True))


def slot(world: World, rules: Rules, w: int, run: Run) -> Next:
    """What a slot does does not wait for its worker, nor freeze with it."""
    j, attempt, phase = run
    job, worker = world.jobs[j], world.workers[w]
    lost = put(world, w, worker._replace(run=Run(j, attempt, "release")))
    if phase == BEGUN:
        held = held_by(job, attempt, w)
        if held or Rule.HOLD not in rules:
            inside = store(world, j, job._replace(holder=attempt))
            yield (
                Step("hold", w, j, attempt),
                put(inside, w, worker._replace(run=Run(j, attempt, HOLDING))),
            )
        else:
            yield Step("hold is refused", w, j, attempt), lost
    if phase == HOLDING:
        if job.holder == attempt or Rule.HOLDER not in rules:
            yield Step("record", w, j, attempt), world
        else:
            yield Step("record is refused", w, j, attempt), lost
        yield Step("end well", w), put(world, w, worker._replace(run=Run(j, attempt, "finish")))
    if phase in ACTIVE:
        yield Step("end badly", w), put(world, w, worker._replace(run=Run(j, attempt, "retry")))


def loop(world: World, rules: Rules, w: int, worker: Worker) -> Next:
    """What a worker's loop may do next."""
    if overdue(worker):
        yield Step("beat", w), beat(world, rules, w, worker)
    if worker.doubt:
        yield release_strays(world, w, worker)
    elif not worker.run and not worker.age:  # what is due comes first in a pass
        yield from claim(world, rules, w, worker)
    if run := worker.run:
        job = world.jobs[run.job]
        if run.phase not in ACTIVE:
            yield from outcome(world, rules, w, run)
        elif job.stop and job.worker == w and job.state == State.RUNNING:
            ended = Run(run.job, run.attempt, "stop")
            yield Step("end the run, as asked", w), put(world, w, worker._replace(run=ended))
    yield from rescue(world, rules, w, worker)


def beat(world: World, rules: Rules, w: int, worker: Worker) -> World:
    if worker.row or Rule.RENEWAL not in rules:
        return unseen(put(world, w, worker._replace(age=0, row=True)), w)
    return register(world, w)  # which ends the runs of the lease that was lost


def register(world: World, w: int) -> World:
    """Begin a lease under a fresh id: whatever names the old one names somebody who is gone."""
    jobs = tuple(job._replace(worker=GONE) if job.worker == w else job for job in world.jobs)
    other = world.workers[1 - w]
    if isinstance(other.plan, Orphan) and other.plan.worker == w:
        other = other._replace(plan=other.plan._replace(worker=GONE))
    return unseen(put(put(World(jobs, world.workers, world.faults), 1 - w, other), w, Worker()), w)


def claim(world: World, rules: Rules, w: int, worker: Worker) -> Next:
    for j, job in enumerate(world.jobs):
        if job.state == State.QUEUED and worker.row:
            attempt = job.attempt + 1
            taken = store(world, j, job._replace(state=State.RUNNING, attempt=attempt, worker=w))
            run = Run(j, attempt, BEGUN)
            yield Step("claim", w, j, attempt), put(taken, w, worker._replace(run=run))
            if world.faults:
                doubt = Rule.STRAYS in rules
                unknown = put(taken, w, worker._replace(doubt=doubt), fault=True)
                yield Step("claim, the answer lost", w, j, attempt), unknown


def end(job: Job, rules: Rules, orphan: Orphan, verb: str) -> Job | None:
    """Return the row after a run's end was recorded, or None where the fence refuses it."""
    if job.state != State.RUNNING:
        return None
    if Rule.FENCE in rules and not held_by(job, orphan.attempt, orphan.worker):
        return None
    failures = job.failures + (verb == "retry")
    target = State.FAILED if failures == MAX_ATTEMPTS else TARGET[verb]
    if job.stop and Rule.STOP in rules:
        target = State.STOPPED
    ended = move(job, target, rules)
    return ended and ended._replace(failures=failures, worker=GONE)


def outcome(world: World, rules: Rules, w: int, run: Run) -> Next:
    worker = world.workers[w]
    done = put(world, w, worker._replace(run=None))
    ended = end(world.jobs[run.job], rules, Orphan(run.job, run.attempt, w), run.phase)
    if ended is None:
        yield Step(f"{run.phase} is refused", w, run.job, run.attempt), done
        return
    yield Step(run.phase, w, run.job, run.attempt), store(done, run.job, ended)
    if world.faults:  # so it will be written once more
        again = store(world, run.job, ended, fault=True)
        yield Step(f"{run.phase}, the answer lost", w, run.job, run.attempt), again


def release_strays(world: World, w: int, worker: Worker) -> tuple[Step, World]:
    for j, job in enumerate(world.jobs):
        if job.state == State.RUNNING and job.worker == w and not worker.run:
            found = worker._replace(run=Run(j, job.attempt, "release"))
            return Step("find a stray", w, j, job.attempt), put(world, w, found)
    return Step("find no stray", w), put(world, w, worker._replace(doubt=False))


def rescue(world: World, rules: Rules, w: int, worker: Worker) -> Next:
    """Watch the other's lease, take it away once it has lapsed, and hand back what it held."""
    other, plan = world.workers[1 - w], worker.plan
    if plan == EVICT:
        same = worker.watch != UNSEEN or Rule.BEAT not in rules
        gone = put(world, 1 - w, other._replace(row=other.row and not same))
        after = RESCUE if other.row and same and Rule.RESCUE not in rules else ""
        yield Step("evict", w), put(gone, w, worker._replace(plan=after, watch=UNSEEN))
    elif isinstance(plan, Orphan):
        done = put(world, w, worker._replace(plan=""))
        ended = end(world.jobs[plan.job], rules, plan, "lose")
        verb = "lose" if ended else "lose is refused"
        step = Step(verb, w, plan.job, plan.attempt, plan.worker)
        yield step, store(done, plan.job, ended) if ended else done
    else:
        if other.row and (worker.watch >= LEASE or Rule.LAPSE not in rules):
            yield Step("see a lapsed lease", w), put(world, w, worker._replace(plan=EVICT))
        if plan == RESCUE or Rule.RESCUE in rules:
            yield from orphans(world, w, worker)


def orphans(world: World, w: int, worker: Worker) -> Next:
    for j, job in enumerate(world.jobs):
        alive = job.worker != GONE and world.workers[job.worker].row
        if job.state == State.RUNNING and not alive:
            found = worker._replace(plan=Orphan(j, job.attempt, job.worker))
            yield Step("find an orphan", w, j, job.attempt), put(world, w, found)


def supervisor(world: World, w: int, worker: Worker) -> Next:
    """Take away the lease of a worker that is certainly dead, and start another in its place."""
    if worker.row:
        yield Step("release dead", w), put(world, w, worker._replace(row=False))
    else:
        yield Step("start again", w), register(world, w)
