"""What clients ask: submit, cancel, stop."""

import pytest

from connector.jobs import outcomes, progress, requests, submit
from connector.jobs.errors import NoSuchJob, WrongState
from connector.jobs.job import NewJob
from connector.jobs.states import Requested, State
from connector.jobs.token import new_token
from tests.jobs.conftest import OTHER, WORKER, Jobs

CANCEL = {State.QUEUED: State.CANCELLED, State.PAUSED: State.CANCELLED}
STOP = {**CANCEL, State.RUNNING: State.RUNNING}


def test_storing_a_token_twice_changes_nothing(kit: Jobs) -> None:
    token = kit.submit()
    kit.claim(token)
    before = kit.row(token)
    kit.database.run(submit.submit, [NewJob(token, "Other", {"other": "parameters"})])
    assert kit.row(token) == before


def test_cancel_takes_out_what_waits(kit: Jobs) -> None:
    for state in State:
        token, _ = kit.in_state(state)
        before = kit.row(token)
        if state in CANCEL or state is State.CANCELLED:
            for _ in range(2):
                assert kit.database.run(requests.cancel, token=token, by="me") is State.CANCELLED
            assert kit.state(token) is State.CANCELLED
            assert kit.events(token).count("cancel") == 1, "asking twice is asking once"
        else:
            with pytest.raises(WrongState) as refused:
                kit.database.run(requests.cancel, token=token, by="me")
            assert refused.value.state is state
            assert kit.row(token) == before


def test_stop_ends_what_has_not_ended(kit: Jobs) -> None:
    for state in State:
        token, _ = kit.in_state(state)
        before = kit.row(token)
        if state in STOP:
            for _ in range(2):
                assert kit.database.run(requests.stop, token=token, by="me") is STOP[state]
            assert kit.state(token) is STOP[state]
            continue
        if state in (State.STOPPED, State.CANCELLED):
            assert kit.database.run(requests.stop, token=token, by="me") is state
        else:
            with pytest.raises(WrongState) as refused:
                kit.database.run(requests.stop, token=token, by="me")
            assert refused.value.state is state
        assert kit.row(token) == before


def test_the_first_who_asks_a_run_to_stop_is_named(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(requests.stop, token=run.token, by="first", reason="enough")
    before = kit.row(run.token)
    kit.database.run(requests.stop, token=run.token, by="second", reason="quite")
    kit.database.run(requests.stop_all, queue="Test", by="third")
    assert kit.row(run.token) == before and before["requested_at"] is not None
    job = kit.job(run.token)
    assert (job.requested, job.requested_by) == ("stop", "first")
    assert job.requested_reason == "enough"
    assert kit.events(run.token) == ["stop requested"], "asking again is asking once"


def test_stop_overrides_a_pause_that_was_asked_for(kit: Jobs) -> None:
    run = kit.running()
    kit.by_hand(run.token, requested="pause", changed_by="test")
    kit.database.run(requests.stop, token=run.token, by="client")
    assert kit.database.run(outcomes.release, run, "shutdown") is State.STOPPED


def test_a_worker_is_told_what_was_asked_of_its_own_runs(kit: Jobs) -> None:
    stopping, pausing, free = (kit.running() for _ in range(3))
    others, ended = kit.running(OTHER), kit.running()
    for run in (stopping, others, ended):
        kit.database.run(requests.stop, token=run.token, by="client")
    kit.by_hand(pausing.token, requested="pause", changed_by="test")
    kit.database.run(outcomes.finish, ended, {})
    # One of them comes to stand before all that the worker knows.
    kit.by_hand(free.token, rank=free.rank - 10**9, changed_by="test")
    told = kit.database.read(progress.held, WORKER, [stopping, pausing, free, others, ended])
    assert told == {
        (stopping.token, stopping.attempt): Requested.STOP,
        (pausing.token, pausing.attempt): Requested.PAUSE,
        (free.token, free.attempt): None,
    }


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
