"""What those who watch are told of what waits."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import operate, outcomes, submit, turns, workers
from connector.jobs.backlog import Backlog, backlogs
from connector.jobs.states import State
from connector.jobs.tables import job_events, jobs
from tests.jobs.conftest import WORKER, Jobs

TASKS = ("A", "B")


@pytest.fixture(autouse=True)
def served(kit: Jobs) -> None:
    serves = {"queues": {"Test": 2}, "tasks": list(TASKS)}
    worker = workers.Worker(WORKER, "here", "boot", 7, "0", serves, lease_seconds=15.0)
    kit.database.run(workers.register, worker, {"Test": 60.0})


def seen(kit: Jobs, *on_tasks: str) -> Backlog:
    (found,) = (x for x in kit.database.read(backlogs, ["Test"], on_tasks) if x.queue == "Test")
    return found


def make_due_for(kit: Jobs, token: str, seconds: float) -> None:
    """Have a waiting job been due for some time already."""

    def change(tx: Tx) -> None:
        earlier = timedelta(seconds=seconds)
        row = tx.execute(sa.select(jobs.c.run_at, jobs.c.rank).where(jobs.c.token == token)).one()
        values = {"run_at": row.run_at - earlier, "rank": row.rank - int(seconds * 1e6)}
        tx.execute(sa.update(jobs).where(jobs.c.token == token).values(values))

    kit.database.run(change)


def test_open_jobs_are_counted_by_state_and_a_queue_without_any_is_told_too(kit: Jobs) -> None:
    assert seen(kit) == Backlog("Test")
    kit.running()
    for _ in range(3):
        kit.submit()
    kit.submit(queue="Other")
    assert seen(kit).jobs == {State.QUEUED: 3, State.RUNNING: 1}
    other = kit.database.read(backlogs, [], ())[0]
    assert (other.queue, other.jobs) == ("Other", {State.QUEUED: 1})


def test_the_age_is_that_of_the_job_that_has_been_due_longest(kit: Jobs) -> None:
    kit.submit()
    make_due_for(kit, kit.submit(priority=5), 1000)
    make_due_for(kit, kit.submit(), 3000)
    kit.submit(delay=60.0)
    assert 3000 <= seen(kit).age < 3060


def test_a_job_of_low_priority_that_is_ranked_behind_now_has_an_age(kit: Jobs) -> None:
    make_due_for(kit, kit.submit(priority=-1000), 500)
    assert 500 <= seen(kit).age < 560


def test_what_is_not_due_yet_has_no_age(kit: Jobs) -> None:
    kit.submit(delay=60.0)
    assert seen(kit).age == 0


def test_a_paused_queue_and_one_at_its_limit_have_no_age(kit: Jobs) -> None:
    make_due_for(kit, kit.submit(), 1000)
    kit.database.run(operate.pause_queue, "Test", "test")
    assert (seen(kit).paused, seen(kit).age) == (True, 0)
    kit.database.run(operate.resume_queue, "Test", "test")
    assert seen(kit).age >= 1000
    kit.database.run(operate.limit_queue, "Test", 1, "test")
    assert not seen(kit).full
    assert len(kit.database.run(turns.claim_in_turn, "Test", WORKER, 5)) == 1
    make_due_for(kit, kit.submit(), 1000)
    assert seen(kit).full
    assert seen(kit).age == 0


def test_a_job_that_waits_for_a_busy_task_has_no_age(kit: Jobs) -> None:
    kit.submit(tasks=("A",))
    assert len(kit.database.run(turns.claim_in_turn, "Test", WORKER, 1, TASKS)) == 1
    make_due_for(kit, kit.submit(tasks=("A",)), 1000)
    assert seen(kit, "Test").age == 0
    make_due_for(kit, kit.submit(tasks=("B",)), 500)
    assert 500 <= seen(kit, "Test").age < 560


def test_a_job_that_has_begun_its_task_and_waits_to_go_on_has_an_age(kit: Jobs) -> None:
    kit.submit(tasks=("A",))
    (run,) = kit.database.run(turns.claim_in_turn, "Test", WORKER, 1, TASKS)
    kit.database.run(outcomes.release, run, "shutdown", 0.0)
    make_due_for(kit, kit.submit(tasks=("A",)), 5000)
    make_due_for(kit, run.token, 1000)
    assert 1000 <= seen(kit, "Test").age < 1060


def test_what_nobody_serves_has_an_age(kit: Jobs) -> None:
    kit.database.run(workers.evict, WORKER)
    make_due_for(kit, kit.submit(tasks=("A",)), 1000)
    make_due_for(kit, kit.submit(), 2000)
    assert 1000 <= seen(kit, "Test").age < 2060


def test_a_rehearsal_stores_nothing_and_tells_nobody(kit: Jobs) -> None:
    kit.database.run(submit.rehearse)
    assert seen(kit).jobs == {}
    with kit.database.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(job_events)).scalar() == 0
