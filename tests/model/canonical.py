"""Worlds that mean the same are one: jobs and workers have no order, and attempts no size."""

from connector.jobs.states import FINAL, State
from tests.model.world import GONE, Job, Orphan, Run, Worker, World

ENDED = Job(state=State.FINISHED)
"""How a job stands for all that have ended: nothing that may still happen tells them apart."""

Attempts = dict[int, int]


def canonical(world: World) -> World:
    """Return the world that stands for this one and all that can be told from it by names alone."""
    jobs, (one, two), faults = world
    if weight(two) < weight(one):
        one, two = flipped(two), flipped(one)
        jobs = tuple([j if j.worker == GONE else j._replace(worker=1 - j.worker) for j in jobs])
    if len(jobs) == 2:
        first, second = mentions(0, one, two), mentions(1, one, two)
        if (jobs[1], second) < (jobs[0], first):
            jobs, first, second = (jobs[1], jobs[0]), second, first
            one, two = exchanged(one), exchanged(two)
        ranks = (ranking(jobs[0], first), ranking(jobs[1], second))
        jobs = (plain(jobs[0], ranks[0]), plain(jobs[1], ranks[1]))
    else:
        ranks = (ranking(jobs[0], mentions(0, one, two)),) * 2
        jobs = (plain(jobs[0], ranks[0]),)
    return World(jobs, (renumbered(one, *ranks), renumbered(two, *ranks)), faults)


def weight(worker: Worker) -> tuple[object, ...]:
    """Return what puts workers in order, whatever the names of jobs."""
    run, plan = worker.run, worker.plan
    doing = (run.phase, run.attempt) if run else ("", 0)
    about = ("lose", plan.attempt) if isinstance(plan, Orphan) else (plan, 0)
    return (worker.life, worker.row, worker.age, worker.watch, worker.doubt, doing, about)


def mentions(j: int, *workers: Worker) -> list[int]:
    """Return the attempts of a job that workers know of."""
    found = []
    for worker in workers:
        if worker.run and worker.run.job == j:
            found.append(worker.run.attempt)
        if isinstance(worker.plan, Orphan) and worker.plan.job == j:
            found.append(worker.plan.attempt)
    return found


def ranking(job: Job, mentioned: list[int]) -> Attempts | None:
    """Return small numbers in place of a job's attempts; None if they do not matter any more."""
    if not mentioned:
        return None
    kept = sorted({0, job.attempt, job.holder, *mentioned})
    return {attempt: rank for rank, attempt in enumerate(kept)}


def plain(job: Job, ranks: Attempts | None) -> Job:
    """Return the row without what makes no difference."""
    holder = ranks[job.holder] if ranks else 0
    if job.state in FINAL:
        return ENDED._replace(holder=holder)
    return job._replace(attempt=ranks[job.attempt] if ranks else 0, holder=holder)


def renumbered(worker: Worker, *ranks: Attempts | None) -> Worker:
    """Return a worker that knows the attempts by their small numbers."""
    run, plan = worker.run, worker.plan
    if run and (small := ranks[run.job]):
        worker = worker._replace(run=Run(run.job, small[run.attempt], run.phase))
    if isinstance(plan, Orphan) and (small := ranks[plan.job]):
        worker = worker._replace(plan=plan._replace(attempt=small[plan.attempt]))
    return worker


def flipped(worker: Worker) -> Worker:
    """Return a worker that knows the other one by its other name."""
    plan = worker.plan
    if isinstance(plan, Orphan) and plan.worker != GONE:
        return worker._replace(plan=plan._replace(worker=1 - plan.worker))
    return worker


def exchanged(worker: Worker) -> Worker:
    """Return a worker that knows two jobs each by the other's name."""
    run, plan = worker.run, worker.plan
    if run:
        worker = worker._replace(run=run._replace(job=1 - run.job))
    if isinstance(plan, Orphan):
        worker = worker._replace(plan=plan._replace(job=1 - plan.job))
    return worker
