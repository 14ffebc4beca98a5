"""Verbs of operators: pause and resume, retry, priorities, limits, drained hosts, environments."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.db.schema import schema_info
from connector.jobs import claim, operate, outcomes, progress, requests, turns, waiting
from connector.jobs.errors import NoSuchQueue, WrongState
from connector.jobs.job import Run
from connector.jobs.states import FINAL, Requested, State
from connector.jobs.tables import queues, workers
from tests import leases
from tests.jobs.conftest import OTHER, WORKER, Jobs


def claimed(kit: Jobs, limit: int = 10, worker: str = WORKER) -> list[Run]:
    """Claim as a worker does: it looks first, and takes turns where it must."""
    due = kit.database.read(waiting.due, ["Test"]).get("Test")
    if due is None or due.seconds:
        return []
    if due.limited:
        return kit.database.run(turns.claim_in_turn, "Test", worker, limit, ahead=due.ahead)
    return kit.database.run(claim.claim, "Test", worker, limit, ahead=due.ahead)


def tokens(runs: list[Run]) -> list[str]:
    return [run.token for run in runs]


@pytest.fixture(autouse=True)
def served(kit: Jobs) -> None:
    kit.register(WORKER)


def test_a_waiting_job_that_is_paused_waits_until_it_is_resumed(kit: Jobs) -> None:
    token = kit.submit()
    assert kit.database.run(requests.pause, token, "cli me", "too early") is State.PAUSED
    assert kit.database.run(requests.pause, token, "cli me") is State.PAUSED
    assert claimed(kit) == []
    assert kit.database.run(requests.resume, token, "cli me") is State.QUEUED
    assert kit.database.run(requests.resume, token, "cli me") is State.QUEUED
    assert tokens(claimed(kit)) == [token]
    assert kit.events(token) == ["hold", "resume"]


def test_a_running_job_that_is_paused_goes_on_from_its_checkpoint(kit: Jobs) -> None:
    run = kit.running()
    assert kit.database.run(requests.pause, run.token, "cli me") is State.RUNNING
    assert kit.job(run.token).requested is Requested.PAUSE
    kit.database.run(progress.save, run, checkpoint={"page": 7})
    assert kit.database.run(outcomes.release, run, "asked to pause") is State.PAUSED
    kit.database.run(requests.resume, run.token, "cli me")
    (again,) = claimed(kit)
    assert (again.token, again.attempt, again.checkpoint) == (run.token, 2, {"page": 7})
    assert kit.job(run.token).failures == 0


def test_a_pause_can_be_taken_back_while_it_runs(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(requests.pause, run.token, "cli me")
    assert kit.database.run(requests.resume, run.token, "cli me") is State.RUNNING
    assert kit.job(run.token).requested is None
    assert kit.database.run(outcomes.release, run, "shutdown") is State.QUEUED
    assert "pause withdrawn" in kit.events(run.token)


def test_a_stop_overrides_a_pause_and_a_pause_no_stop(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(requests.pause, run.token, "cli me")
    kit.database.run(requests.stop, run.token, "cli me")
    with pytest.raises(WrongState):
        kit.database.run(requests.pause, run.token, "cli me")
    kit.database.run(requests.resume, run.token, "cli me")
    assert kit.database.run(outcomes.release, run, "shutdown") is State.STOPPED


@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_has_ended_is_neither_paused_nor_resumed_nor_moved(kit: Jobs, state: State) -> None:
    token, _ = kit.in_state(state)
    before = kit.row(token)
    for verb in (requests.pause, requests.resume):
        with pytest.raises(WrongState):
            kit.database.run(verb, token, "cli me")
    with pytest.raises(WrongState):
        kit.database.run(requests.reprioritise, token, 3, "cli me")
    assert kit.row(token) == before


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED, State.CANCELLED])
def test_a_retry_keeps_token_and_checkpoint_and_forgets_failures(kit: Jobs, state: State) -> None:
    token, run = kit.in_state(State.RUNNING)
    assert run is not None
    kit.database.run(progress.save, run, checkpoint={"page": 7})
    verbs: dict[State, Callable[[], object]] = {
        State.FAILED: lambda: kit.database.run(outcomes.retry, run, "no", 0.0, 1),
        State.STOPPED: lambda: kit.database.run(outcomes.stop, run),
        State.CANCELLED: lambda: (
            kit.database.run(outcomes.release, run, "shutdown"),
            kit.database.run(requests.cancel, token, "client"),
        ),
    }
    verbs[state]()
    assert kit.state(token) is state
    assert kit.database.run(requests.reopen, token, "cli me", "mended") is State.QUEUED
    assert kit.database.run(requests.reopen, token, "cli me") is State.QUEUED
    job = kit.job(token)
    assert (job.failures, job.error, job.ended_at, job.requested) == (0, None, None, None)
    (again,) = claimed(kit)
    assert (again.token, again.attempt, again.checkpoint) == (token, 2, {"page": 7})


def test_what_has_finished_is_not_retried(kit: Jobs) -> None:
    token, _ = kit.in_state(State.FINISHED)
    with pytest.raises(WrongState, match="cannot retry"):
        kit.database.run(requests.reopen, token, "cli me")


def test_another_priority_moves_a_job_and_keeps_what_it_has_waited(kit: Jobs) -> None:
    first, second, third = (kit.submit() for _ in range(3))
    kit.database.run(requests.reprioritise, third, 5, "cli me", "urgent")
    kit.database.run(requests.reprioritise, first, -5, "cli me")
    assert tokens(claimed(kit, 1)) == [third]
    kit.database.run(requests.reprioritise, first, 0, "cli me")
    assert tokens(claimed(kit)) == [first, second]
    assert kit.events(third) == ["reprioritise"]
    assert kit.job(third).priority == 5


def test_a_higher_priority_never_starts_a_job_before_its_time(kit: Jobs) -> None:
    token = kit.submit(delay=3600.0)
    kit.database.run(requests.reprioritise, token, 1000, "cli me")
    assert claimed(kit) == []
    assert 3500 < kit.database.read(waiting.due, ["Test"])["Test"].seconds <= 3600


def test_an_idle_queue_runs_what_has_a_low_priority_at_once(kit: Jobs) -> None:
    low = kit.submit(priority=-100)
    assert tokens(claimed(kit)) == [low], "waiting for nobody would be for nothing"
    lower, ordinary = kit.submit(priority=-100), kit.submit()
    assert tokens(claimed(kit, 1)) == [ordinary]
    assert tokens(claimed(kit, 1)) == [lower]


def test_a_low_priority_is_kept_over_a_retry(kit: Jobs) -> None:
    low = kit.submit(priority=-10)
    (run,) = claimed(kit)
    kit.database.run(outcomes.retry, run, "not yet", 0.001, 9)
    ordinary = kit.submit()
    later = datetime.now(UTC) + timedelta(seconds=60)
    runs = kit.database.run_at(later, claim.claim, "Test", WORKER, 1)
    assert tokens(runs) == [ordinary] and kit.state(low) is State.QUEUED


def test_a_paused_queue_stays_paused_and_says_by_whom(kit: Jobs) -> None:
    token = kit.submit()
    kit.database.run(operate.pause_queue, "Test", "cli me", "maintenance")
    kit.register(OTHER)
    assert claimed(kit) == []
    with kit.database.engine.connect() as connection:
        row = connection.execute(sa.select(queues)).one()
    assert (row.paused, row.changed_by, row.reason) == (True, "cli me", "maintenance")
    kit.database.run(operate.resume_queue, "Test", "cli me")
    assert tokens(claimed(kit)) == [token]


def test_a_queue_that_is_not_there_is_named_with_those_there_are(kit: Jobs) -> None:
    with pytest.raises(NoSuchQueue, match="no queue Tset; there is Test"):
        kit.database.run(operate.pause_queue, "Tset", "cli me")


def test_a_limit_holds_for_all_workers_together(kit: Jobs) -> None:
    kit.register(OTHER)
    for _ in range(6):
        kit.submit()
    kit.database.run(operate.limit_queue, "Test", 3, "cli me")
    assert kit.database.run(claim.claim, "Test", WORKER, 9) == [], "who takes no turns gets none"
    first = claimed(kit, 2)
    second = claimed(kit, 2, OTHER)
    assert (len(first), len(second)) == (2, 1) and claimed(kit) == []
    kit.database.run(outcomes.finish, first[0], {})
    assert len(claimed(kit)) == 1
    kit.database.run(operate.limit_queue, "Test", None, "cli me")
    assert len(claimed(kit)) == 2
    with pytest.raises(ValueError, match="1 or more"):
        kit.database.run(operate.limit_queue, "Test", 0, "cli me")


def test_a_limit_holds_for_jobs_that_work_on_tasks(kit: Jobs) -> None:
    for task in "ABC":
        kit.submit(tasks=(task,))
    kit.database.run(operate.limit_queue, "Test", 2, "cli me")
    runs = kit.database.run(turns.claim_in_turn, "Test", WORKER, 9, ("A", "B", "C"))
    assert len(runs) == 2
    assert kit.database.run(turns.claim_in_turn, "Test", WORKER, 9, ("A", "B", "C")) == []


def test_a_drained_host_claims_nothing_until_it_is_undrained(kit: Jobs) -> None:
    token = kit.submit()
    kit.database.run(operate.drain, "host", "cli me", "reboot")
    kit.database.run(operate.drain, "host", "cli me")
    kit.register(OTHER)
    assert claimed(kit) == [] and claimed(kit, worker=OTHER) == []
    assert kit.database.run(operate.undrain, "host")
    assert not kit.database.run(operate.undrain, "host")
    assert tokens(claimed(kit)) == [token]


def test_a_worker_without_a_lease_claims_nothing(kit: Jobs) -> None:
    kit.submit()
    kit.submit(tasks=("A",))
    assert kit.database.run(claim.claim, "Test", OTHER, 9) == []
    assert kit.database.run(turns.claim_in_turn, "Test", OTHER, 9, ("A",)) == []
    with leases.alive(kit.database, OTHER):
        assert len(kit.database.run(claim.claim, "Test", OTHER, 9)) == 2


def test_in_another_environment_nothing_is_claimed(kit: Jobs) -> None:
    token = kit.submit()
    kit.database.run(lambda tx: tx.execute(sa.update(schema_info).values(environment="live")))
    assert claimed(kit) == []
    kit.database.run(lambda tx: tx.execute(sa.update(workers).values(environment="test")))
    assert claimed(kit) == []
    kit.database.run(lambda tx: tx.execute(sa.update(workers).values(environment="live")))
    assert tokens(claimed(kit)) == [token]


def test_jobs_from_before_their_action_worked_on_tasks_are_adopted(kit: Jobs) -> None:
    old = kit.submit()
    assert kit.database.run(turns.claim_in_turn, "Test", WORKER, 9, ("A",)) == []
    assert kit.database.run(turns.adopt, "Test", 10) == 1
    assert kit.database.run(turns.adopt, "Test", 10) == 0
    runs = kit.database.run(turns.claim_in_turn, "Test", WORKER, 9, ("A",))
    assert tokens(runs) == [old]


def test_a_task_that_another_queues_job_has_begun_waits(kit: Jobs) -> None:
    mine, theirs = kit.submit(tasks=("A",)), kit.submit("Other", tasks=("A",))
    leases.register(kit.database, OTHER, "Other")
    (run,) = kit.database.run(turns.claim_in_turn, "Test", WORKER, 9, ("A",))
    assert kit.database.run(turns.claim_in_turn, "Other", OTHER, 9, ("A",)) == []
    kit.database.run(outcomes.finish, run, {})
    assert tokens(kit.database.run(turns.claim_in_turn, "Other", OTHER, 9, ("A",))) == [theirs]
    assert kit.state(mine) is State.FINISHED
