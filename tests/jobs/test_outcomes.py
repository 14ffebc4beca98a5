"""How an attempt ends: every verb over every state, the fence, and who wins."""

from collections.abc import Callable
from functools import partial

import pytest

from connector.db.engine import Tx
from connector.jobs import outcomes, progress, requests
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from tests.jobs.conftest import OTHER, WORKER, Jobs

Verb = Callable[[Tx, Run], object]

ENDS: dict[str, tuple[Verb, State]] = {
    "finish": (partial(outcomes.finish, result={"a": 1}), State.FINISHED),
    "fail": (partial(outcomes.fail, error="broken"), State.FAILED),
    "stop": (outcomes.stop, State.STOPPED),
    "retry": (partial(outcomes.retry, error="not yet", pause=0.0, max_attempts=3), State.QUEUED),
    "release": (partial(outcomes.release, reason="shutdown"), State.QUEUED),
    "lose": (partial(outcomes.lose, reason="host gone", actor="test"), State.QUEUED),
}


@pytest.fixture(params=list(ENDS))
def verb(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("state", list(State), ids=str)
def test_only_a_running_job_can_end(kit: Jobs, verb: str, state: State) -> None:
    end, target = ENDS[verb]
    token, run = kit.in_state(state)
    if state is State.RUNNING:
        assert run is not None
        assert kit.database.run(end, run) is target
        assert kit.state(token) is target
        return
    run = run or Run(token, 1, WORKER, "Test", {})
    before = kit.row(token)
    own = {State.FINISHED: "finish", State.FAILED: "fail", State.STOPPED: "stop"}
    if own.get(state) == verb:
        assert kit.database.run(end, run) is state, "repeating a write in doubt is harmless"
    else:
        with pytest.raises(LeaseLost):
            kit.database.run(end, run)
    assert kit.row(token) == before


def test_a_late_write_of_an_earlier_attempt_is_refused(kit: Jobs, verb: str) -> None:
    first = kit.running()
    kit.database.run(outcomes.release, first, "handed back")
    second = kit.claim(first.token)
    assert (second.attempt, second.worker_id) == (first.attempt + 1, first.worker_id)
    before = kit.row(first.token)
    with pytest.raises(LeaseLost):
        kit.database.run(ENDS[verb][0], first)
    with pytest.raises(LeaseLost):
        kit.database.run(progress.save, first, progress={"late": 1}, checkpoint={"late": 1})
    assert kit.row(first.token) == before
    assert kit.job(first.token).progress is None
    assert kit.database.run(outcomes.finish, second, {}) is State.FINISHED


def test_a_write_of_another_worker_is_refused(kit: Jobs, verb: str) -> None:
    run = kit.running()
    stranger = Run(run.token, run.attempt, OTHER, run.queue, {})
    with pytest.raises(LeaseLost):
        kit.database.run(ENDS[verb][0], stranger)
    assert kit.state(run.token) is State.RUNNING


def test_a_stop_that_was_asked_for_wins(kit: Jobs, verb: str) -> None:
    run = kit.running()
    assert kit.database.run(requests.stop, token=run.token, by="client") is State.RUNNING
    assert kit.database.run(ENDS[verb][0], run) is State.STOPPED
    job = kit.job(run.token)
    assert job.state is State.STOPPED and job.ended_at is not None
    assert job.result == ({"a": 1} if verb == "finish" else None), "results are kept"
    events = kit.events(run.token)
    assert events.count("stop") == 1 and events[0] == "stop requested"


def test_a_pause_that_was_asked_for_is_honoured_by_what_would_queue(kit: Jobs, verb: str) -> None:
    run = kit.running()
    kit.by_hand(run.token, requested="pause", changed_by="test")
    target = ENDS[verb][1]
    wanted = State.PAUSED if target is State.QUEUED else target
    assert kit.database.run(ENDS[verb][0], run) is wanted
    assert kit.state(run.token) is wanted


def test_tries_are_counted_and_bounded(kit: Jobs) -> None:
    token = kit.submit()
    for tried in (1, 2, 3):
        run = kit.claim(token)
        assert (run.attempt, run.failures) == (tried, tried - 1)
        kit.database.run(outcomes.retry, run, "no", 0.0, 3)
    job = kit.job(token)
    assert (job.state, job.failures, job.attempt) == (State.FAILED, 3, 3)
    assert job.error is not None and "tried 3 times" in job.error


def test_what_is_handed_back_costs_no_failure(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.release, run, "shutdown")
    run = kit.claim(run.token)
    kit.database.run(outcomes.lose, run, "host gone", "rescuer")
    job = kit.job(run.token)
    assert (job.failures, job.losses, job.attempt) == (0, 1, 2)
    assert kit.events(run.token) == ["release", "release"]


def test_a_retry_waits_for_its_pause(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.retry, run, "no", 3600.0, 3)
    job = kit.job(run.token)
    assert 3500 < (job.run_at - job.queued_at).total_seconds() < 3700
    with pytest.raises(StopIteration):
        kit.claim(run.token)


def test_an_error_text_is_kept_within_bounds(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.fail, run, "x\0" * 100_000)
    error = kit.job(run.token).error
    assert error is not None and len(error) <= 8000 and "\0" not in error


def test_progress_and_checkpoint_survive_and_are_given_to_the_next(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(progress.save, run, progress={"done": 1})
    kit.database.run(progress.save, run, checkpoint={"at": 7})
    assert kit.job(run.token).progress == {"done": 1}
    kit.database.run(outcomes.retry, run, "no", 0.0, 3)
    assert kit.claim(run.token).checkpoint == {"at": 7}
