"""Who is claimed next, and who is not."""

from datetime import timedelta

import sqlalchemy as sa

from connector.jobs import claim, outcomes
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.tables import queues
from connector.jobs.workers import Worker, register
from tests.jobs.conftest import WORKER, Jobs

MINUTE = timedelta(minutes=1)


def claimed(kit: Jobs, limit: int = 1) -> list[str]:
    return [run.token for run in kit.database.run(claim.claim, "Test", WORKER, limit)]


def by_task(kit: Jobs, limit: int = 10, known: tuple[str, ...] = ("A", "B", "C")) -> list[Run]:
    return kit.database.run(claim.claim_by_task, "Test", WORKER, limit, known)


def serve(kit: Jobs) -> None:
    kit.database.run(register, Worker(WORKER, "host", "boot", 1, "0", {}), ["Test"])


def test_first_come_first_served(kit: Jobs) -> None:
    tokens = [kit.submit() for _ in range(5)]
    assert claimed(kit, 2) == tokens[:2]
    assert claimed(kit, 9) == tokens[2:]
    assert claimed(kit) == []


def test_the_larger_priority_goes_first(kit: Jobs) -> None:
    low, high, middle = (kit.submit(priority=priority) for priority in (0, 9, 5))
    assert claimed(kit, 3) == [high, middle, low]


def test_waiting_makes_up_for_priority(kit: Jobs) -> None:
    old = kit.submit(priority=0)
    earlier = kit.job(old).queued_at
    kit.by_hand(old, rank=int((earlier - 3 * MINUTE).timestamp() * 1e6), changed_by="test")
    ahead = kit.submit(priority=2)
    far_ahead = kit.submit(priority=4)
    assert claimed(kit, 3) == [far_ahead, old, ahead]


def test_nothing_is_claimed_before_its_time(kit: Jobs) -> None:
    delayed = kit.submit(delay=3600.0, priority=1000)
    assert claimed(kit) == []
    wait = kit.database.read(claim.due, ["Test"])["Test"]
    assert 3590 < wait <= 3600
    later = kit.job(delayed).run_at + timedelta(seconds=1)
    runs = kit.database.run_at(later, claim.claim, "Test", WORKER, 1)
    assert [run.token for run in runs] == [delayed]


def test_many_delayed_jobs_do_not_hide_one_that_is_due(kit: Jobs) -> None:
    for _ in range(20):
        kit.submit(delay=3600.0, priority=100)
    due = kit.submit()
    assert kit.database.read(claim.due, ["Test"])["Test"] == 0
    assert claimed(kit, 5) == [due]


def test_a_claim_counts_the_attempt_and_names_the_worker(kit: Jobs) -> None:
    run = kit.running()
    job = kit.job(run.token)
    assert (run.attempt, run.worker_id, job.state) == (1, WORKER, State.RUNNING)
    assert job.started_at is not None and job.started_at >= job.queued_at


def test_a_paused_queue_gives_nothing(kit: Jobs) -> None:
    serve(kit)
    token = kit.submit()
    with kit.database.engine.begin() as connection:
        connection.execute(sa.update(queues).values(paused=True))
    assert claimed(kit) == [] and by_task(kit) == []
    with kit.database.engine.begin() as connection:
        connection.execute(sa.update(queues).values(paused=False))
    assert claimed(kit) == [token]


def test_one_job_at_a_time_works_on_a_task(kit: Jobs) -> None:
    serve(kit)
    first, second, other = (kit.submit(tasks=(task,)) for task in ("A", "A", "B"))
    runs = by_task(kit)
    assert [run.token for run in runs] == [first, other]
    assert by_task(kit) == []
    kit.database.run(outcomes.finish, runs[0], {})
    assert [run.token for run in by_task(kit)] == [second]


def test_a_job_of_several_tasks_waits_for_all_of_them(kit: Jobs) -> None:
    serve(kit)
    one, both, last = (kit.submit(tasks=tasks) for tasks in (("A",), ("B", "A"), ("C",)))
    runs = by_task(kit)
    assert [run.token for run in runs] == [one, last]
    kit.database.run(outcomes.release, runs[0], "shutdown")
    assert [run.token for run in by_task(kit)] == [one]
    kit.database.run(outcomes.finish, kit_run(kit, one), {})
    assert [run.token for run in by_task(kit)] == [both]


def kit_run(kit: Jobs, token: str) -> Run:
    return Run(token, kit.job(token).attempt, WORKER, "Test", {})


def test_a_task_that_the_worker_does_not_know_stays_queued(kit: Jobs) -> None:
    serve(kit)
    strange, known = kit.submit(tasks=("X",)), kit.submit(tasks=("A",))
    assert [run.token for run in by_task(kit)] == [known]
    assert kit.state(strange) is State.QUEUED


def test_jobs_behind_many_of_a_busy_task_are_found(kit: Jobs) -> None:
    serve(kit)
    for _ in range(30):
        kit.submit(tasks=("A",))
    other = kit.submit(tasks=("B",))
    assert other in [run.token for run in by_task(kit, limit=2)]
