"""What must hold in every world, and of every step from one world to the next."""

from connector.jobs.states import FINAL, State
from tests.model.world import (
    ACTIVE,
    FROZEN,
    LEASE,
    NEVER,
    VANISHED,
    Job,
    Step,
    Worker,
    World,
    held_by,
)

WRITES = frozenset(
    f"{verb}{doubt}"
    for verb in ("finish", "retry", "release", "stop", "lose")
    for doubt in ("", ", the answer lost")
)
"""Steps that wrote a row of `jobs` for a run."""

WRITER = "nobody writes a job that another holds"
TASK = "nobody writes for a task that another holds"
ATTEMPT = "attempt never goes down"
FINAL_ONCE = "a job ends once, and stays as it has ended"
STOPPED = "a stop that was granted ends as stopped"
ALONE = "two runs of a job overlap only when the older one is frozen or its lease has lapsed"
KEPT = "what a client was told is stored is never lost"
NO_WEDGE = "from everywhere all jobs can still end"


def broken(before: World, step: Step, after: World) -> str | None:
    """Return the invariant that a step breaks, or None."""
    if step.verb in WRITES:
        holder = step.worker if step.holder is None else step.holder
        if not held_by(before.jobs[step.job], step.attempt, holder):
            return WRITER
    if step.verb == "record" and before.jobs[step.job].holder != step.attempt:
        return TASK
    if before.jobs is not after.jobs:
        for old, new in zip(before.jobs, after.jobs, strict=True):
            if old is not new and (found := changed_badly(old, new)):
                return found
    if before.workers is after.workers or alone(*after.workers, for_a_tick=step.verb == "tick"):
        return None
    return ALONE


def changed_badly(old: Job, new: Job) -> str | None:
    if new.attempt < old.attempt:
        return ATTEMPT
    if old.state in FINAL and new.state != old.state:
        return FINAL_ONCE
    if new.holder < old.holder:
        return TASK
    if new.stop and new.state not in (State.RUNNING, State.STOPPED):
        return STOPPED
    return KEPT if new.state == VANISHED else None


def alone(one: Worker, two: Worker, *, for_a_tick: bool) -> bool:
    """Say whether no two runs of a job have effects at a time, save one about to be ended.

    `for_a_tick`: whether that has lasted so long that one that could end its run would have.
    """
    if not (one.run and two.run) or one.run.job != two.run.job:
        return True
    if one.run.phase not in ACTIVE or two.run.phase not in ACTIVE:
        return True
    older = one if one.run.attempt < two.run.attempt else two
    lapsed = older.age >= LEASE and not for_a_tick
    return (older.life == FROZEN or lapsed) and one.run.attempt != two.run.attempt


def over(world: World) -> bool:
    """Say whether nothing is left to do."""
    return all(job.state in FINAL or job.state in (NEVER, VANISHED) for job in world.jobs)
