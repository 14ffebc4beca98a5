"""Short actions are given to slots many at a time; each is still an action of its own."""

from collections import Counter

import pytest

from connector.jobs import operate, requests, submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests.system.conftest import Server, eventually, sqlite

MANY = 300


@pytest.fixture
def learned(server: Server) -> Server:
    """A server of one slot that knows the actions of its queue as short ones, its queue paused."""
    server.start(CONNECTOR_ACTIONS_MAXIMUMTHREADS="1", CONNECTOR_ACTIONS_RETRYSECONDS="0.01")
    all_end(server, stored(server, ["nothing"] * MANY))
    server.database.run(operate.pause_queue, "Test", "test")
    return server


def stored(server: Server, what: list[str]) -> list[str]:
    """Store actions that do these things, in one transaction; return their tokens."""
    given = {"Trace": str(server.trace), "Seconds": 60, "Times": 1}
    new = [NewJob(new_token(), "Test", {"Do": do, **given}) for do in what]
    server.database.run(submit.submit, new)
    server.database.notify({"Test"})
    return [job.token for job in new]


def begin(server: Server) -> None:
    server.database.run(operate.set_paused, "Test", False, "test")
    server.database.notify({"Test"})


def all_end(server: Server, tokens: list[str]) -> None:
    for token in tokens:
        server.wait(token, State.FINISHED)


def starts(server: Server) -> Counter[str]:
    return Counter(token for _, token, *_ in server.traced("start"))


def test_each_of_many_runs_once_and_several_are_claimed_at_a_time(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXIMUMTHREADS="2")
    tokens = stored(server, ["nothing"] * MANY)
    all_end(server, tokens)
    assert starts(server) == Counter(tokens)
    claims = {server.job(token).started_at for token in tokens}
    assert len(claims) < MANY / 2


@sqlite
def test_of_those_that_a_slot_holds_when_it_dies_only_the_one_that_ran_is_charged(
    learned: Server,
) -> None:
    tokens = stored(learned, ["nothing"] * 20 + ["crash_once"] + ["nothing"] * 20)
    begin(learned)
    all_end(learned, tokens)
    seen = {token: (learned.job(token).failures, starts(learned)[token]) for token in tokens}
    assert seen.pop(tokens[20]) == (1, 2)
    assert set(seen.values()) == {(0, 1)}


@sqlite
def test_what_waits_behind_a_long_one_can_be_stopped_and_never_begins(learned: Server) -> None:
    tokens = stored(learned, ["nothing"] * 5 + ["sleep"] + ["nothing"] * 5)
    begin(learned)
    eventually("it sleeps", lambda: learned.traced("start", tokens[5]))
    assert learned.job(tokens[6]).state is State.RUNNING, "it is in its worker's hands"
    learned.database.run(requests.stop, tokens[6], "test")
    learned.database.notify({""})
    learned.wait(tokens[6], State.STOPPED)
    learned.database.run(requests.stop, tokens[5], "test")
    learned.database.notify({""})
    learned.wait(tokens[5], State.STOPPED)
    all_end(learned, tokens[:5] + tokens[7:])
    assert starts(learned)[tokens[6]] == 0
    assert all(learned.job(token).failures == 0 for token in tokens)


@sqlite
def test_a_shutdown_hands_back_what_was_not_begun(learned: Server) -> None:
    tokens = stored(learned, ["sleep"] + ["nothing"] * 10)
    begin(learned)
    eventually("it sleeps", lambda: learned.traced("start", tokens[0]))
    assert learned.end() == 0
    jobs = [learned.job(token) for token in tokens]
    assert {(job.state, job.failures) for job in jobs} == {(State.QUEUED, 0)}
    assert [starts(learned)[token] for token in tokens] == [1] + [0] * 10


@sqlite
def test_others_go_on_while_a_long_one_holds_its_slot(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXIMUMTHREADS="2")
    all_end(server, stored(server, ["nothing"] * MANY))
    tokens = stored(server, ["nothing"] * 50 + ["sleep"] + ["nothing"] * 50)
    all_end(server, tokens[:50] + tokens[51:])
    assert server.job(tokens[50]).state is State.RUNNING
