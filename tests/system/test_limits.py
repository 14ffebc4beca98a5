"""Time limits of a queue, pause, and what a slot shows before it is killed."""

import psutil
import pytest
import sqlalchemy as sa

from connector.jobs import requests
from connector.jobs.states import State
from connector.jobs.tables import job_events
from tests.system.conftest import Server, eventually, result_of

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


def events(server: Server, token: str) -> list[str]:
    with server.database.engine.connect() as connection:
        select = sa.select(job_events.c.event).where(job_events.c.token == token)
        return list(connection.execute(select.order_by(job_events.c.id)).scalars())


def test_a_soft_limit_asks_an_action_to_end_and_it_may_save_where_it_is(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_SOFTLIMITSECONDS="1", CONNECTOR_ACTIONS_GRACESECONDS="20")
    token = server.submit("save_when_asked")
    eventually("it goes on from its checkpoint", lambda: server.traced("from=1", token))
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert (job.attempt, job.failures) == (2, 1)


def test_an_action_that_answers_a_soft_limit_with_an_outcome_keeps_it(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_SOFTLIMITSECONDS="0.5", CONNECTOR_ACTIONS_GRACESECONDS="600")
    token = server.submit("end_when_asked")
    assert result_of(server.wait(token, State.FINISHED)) == {"asked": "politely"}
    assert server.end() == 0, "its slot does not use up the grace"


def test_a_soft_limit_kills_after_the_grace_and_may_fail_at_once(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_SOFTLIMITSECONDS="0.5", CONNECTOR_ACTIONS_ONLIMIT="fail")
    job = server.wait(server.submit("deaf"), State.FAILED)
    assert job.error == "it ran longer than SoftLimitSeconds=0.5"
    assert job.attempt == 1


@pytest.mark.parametrize(
    ("do", "function"), [("hold_interpreter_lock", "hold_interpreter_lock"), ("loop", "loop")]
)
def test_a_hard_limit_kills_and_the_stacks_are_in_the_log(
    server: Server, do: str, function: str
) -> None:
    server.keep_log = True
    server.start(
        CONNECTOR_ACTIONS_HARDLIMITSECONDS="2",
        CONNECTOR_ACTIONS_GRACESECONDS="600",
        CONNECTOR_ACTIONS_RETRYSECONDS="0",
    )
    token = server.submit(do)
    job = server.wait(token, State.FAILED)
    assert job.error and job.error.startswith("it ran longer than HardLimitSeconds=2 (tried 3")
    lines = server.logged("slot did not end")
    assert [line["token"] for line in lines] == [token] * 3
    # On a busy machine a try may be over before its code has been loaded.
    assert any(f"in {function}" in line["stacks"] for line in lines)
    assert all("most recent call first" in line["stacks"] for line in lines)


def test_what_tells_no_progress_is_killed_and_what_does_is_not(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_NOPROGRESSSECONDS="1.5", CONNECTOR_ACTIONS_ONLIMIT="fail")
    steady, stuck = server.submit("progress_steadily", Seconds=5), server.submit("sleep")
    job = server.wait(stuck, State.FAILED)
    assert job.error == "it told no progress for NoProgressSeconds=1.5"
    assert server.wait(steady, State.FINISHED).attempt == 1


def test_what_was_told_last_arrives_though_silence_follows(server: Server) -> None:
    server.start()
    token = server.submit("progress_then_silence")
    eventually("the last step is told", lambda: server.job(token).progress == {"step": 3})
    assert server.job(token).state is State.RUNNING


def test_a_paused_action_frees_its_slot_and_goes_on_from_its_checkpoint(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXIMUMTHREADS="1", CONNECTOR_ACTIONS_GRACESECONDS="20")
    token = server.submit("save_when_asked", "Pausable")
    eventually("it starts", lambda: server.traced("from=0", token))
    assert server.database.run(requests.pause, token, "test") is State.RUNNING
    server.wait(token, State.PAUSED)
    assert server.wait(server.submit("nothing", "Pausable"), State.FINISHED)
    with server.database.engine.begin() as connection:
        by_hand = "UPDATE jobs SET state = 'queued', changed_by = 'by hand' WHERE token = :token"
        connection.execute(sa.text(by_hand), {"token": token})
    eventually("it goes on", lambda: server.traced("from=1", token))
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert (job.attempt, job.failures, job.losses) == (2, 0, 0)
    assert "suspend" in events(server, token) and "release" not in events(server, token)


def test_an_action_that_cannot_be_paused_runs_on(server: Server) -> None:
    server.start()
    token = server.submit("wait_for_file")
    eventually("it starts", lambda: server.traced("start", token))
    server.database.run(requests.pause, token, "test")
    server.wait(server.submit("nothing"), State.FINISHED)
    assert server.job(token).state is State.RUNNING
    (server.trace.parent / "trace.go").touch()
    assert server.wait(token, State.FINISHED).attempt == 1


def test_a_slot_that_closes_its_channel_and_spins_is_killed(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXATTEMPTS="1")
    token = server.submit("spin_mute")
    started = eventually("it starts", lambda: server.traced("start", token))[0]
    job = server.wait(token, State.FAILED)
    assert job.error and "closed its channel" in job.error
    assert not psutil.pid_exists(int(started[3]))
