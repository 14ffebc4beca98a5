"""What clients ask: submit, cancel, stop."""

import pytest

from connector.jobs import outcomes, requests
from connector.jobs.errors import NoSuchJob, WrongState
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs

CANCEL = {State.QUEUED: State.CANCELLED, State.PAUSED: State.CANCELLED}
STOP = {**CANCEL, State.RUNNING: State.RUNNING}


def test_storing_a_token_twice_changes_nothing(kit: Jobs) -> None:
    token = kit.submit()
    kit.claim(token)
    before = kit.row(token)
    kit.database.run(requests.submit, [NewJob(token, "Other", {"other": "parameters"})])
    assert kit.row(token) == before


@pytest.mark.parametrize("state", list(State), ids=str)
def test_cancel_takes_out_what_waits(kit: Jobs, state: State) -> None:
    token, _ = kit.in_state(state)
    before = kit.row(token)
    if state in CANCEL or state is State.CANCELLED:
        assert kit.database.run(requests.cancel, token=token, by="test") is State.CANCELLED
        assert kit.state(token) is State.CANCELLED
        assert kit.events(token)[-1:] == ["cancel"]
    else:
        with pytest.raises(WrongState) as refused:
            kit.database.run(requests.cancel, token=token, by="test")
        assert refused.value.state is state
        assert kit.row(token) == before


@pytest.mark.parametrize("state", list(State), ids=str)
def test_stop_ends_what_has_not_ended(kit: Jobs, state: State) -> None:
    token, run = kit.in_state(state)
    before = kit.row(token)
    if state in STOP:
        for _ in range(2):
            reached = kit.database.run(requests.stop, token=token, by="client", reason="enough")
            assert reached is STOP[state]
    elif state in (State.STOPPED, State.CANCELLED):
        assert kit.database.run(requests.stop, token=token, by="client") is state
        assert kit.row(token) == before
    else:
        with pytest.raises(WrongState):
            kit.database.run(requests.stop, token=token, by="client")
        assert kit.row(token) == before
    if state is State.RUNNING:
        assert run is not None
        job = kit.job(token)
        assert (job.requested, job.requested_by, job.requested_reason) == (
            "stop",
            "client",
            "enough",
        )
        assert kit.events(token) == ["stop requested"], "asking twice is asking once"


def test_stop_overrides_a_pause_that_was_asked_for(kit: Jobs) -> None:
    run = kit.running()
    kit.by_hand(run.token, requested="pause", changed_by="test")
    kit.database.run(requests.stop, token=run.token, by="client")
    assert kit.database.run(outcomes.release, run, "shutdown") is State.STOPPED


def test_stop_all_asks_every_running_job_of_the_queue(kit: Jobs) -> None:
    running = {kit.running().token for _ in range(3)}
    waiting = kit.submit()
    other = kit.claim(kit.submit("Other")).token
    assert set(kit.database.run(requests.stop_all, queue="Test", by="client")) == running
    assert {kit.job(token).requested for token in running} == {"stop"}
    assert kit.job(waiting).state is State.QUEUED and kit.job(other).requested is None


@pytest.mark.parametrize("verb", [requests.cancel, requests.stop])
def test_a_token_that_nobody_has_is_told(kit: Jobs, verb: object) -> None:
    token = new_token()
    with pytest.raises(NoSuchJob, match=token):
        kit.database.run(verb, token=token, by="test")  # type: ignore[arg-type]
