"""Trouble with one action or one process is never the trouble of the others."""

import os
import signal

import psutil
import pytest
import sqlalchemy as sa

from connector.jobs.states import State
from connector.jobs.tables import jobs
from tests.system.conftest import Server, eventually, sqlite, two_engines


@two_engines
def test_a_slot_killed_while_it_saves_takes_nobody_along(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXATTEMPTS="100", CONNECTOR_ACTIONS_RETRYSECONDS="0")
    calm, saving = server.submit("wait_for_file"), server.submit("save_for_ever")
    eventually("the calm one starts", lambda: server.traced("start", calm))
    (worker,) = server.processes("connector.worker.start")
    for tries in range(1, 9):
        started = _started(server, saving, tries)
        os.kill(started, signal.SIGKILL)
    (server.trace.parent / "trace.go").touch()
    job = server.wait(calm, State.FINISHED)
    assert (job.attempt, job.losses) == (1, 0)
    assert worker.is_running() and server.processes("connector.worker.start") == [worker]


def _started(server: Server, token: str, times: int) -> int:
    """Wait until an action has started so often, and return the pid of its slot."""

    def starts() -> list[list[str]] | None:
        found = server.traced("start", token)
        return found if len(found) >= times else None

    return int(eventually(f"it starts for the {times}. time", starts)[-1][3])


@pytest.mark.parametrize("do", ["return_nothing", "return_nonsense"])
def test_what_cannot_be_stored_fails_its_own_action_alone(server: Server, do: str) -> None:
    server.start()
    bad, good = server.submit(do), server.submit("nothing")
    job = server.wait(bad, State.FAILED)
    assert job.error and "cannot be stored" in job.error
    assert server.wait(good, State.FINISHED).losses == 0


@sqlite
def test_a_slot_that_says_what_nobody_understands_costs_its_own_action_alone(
    server: Server,
) -> None:
    server.start(CONNECTOR_ACTIONS_MAXATTEMPTS="2", CONNECTOR_ACTIONS_RETRYSECONDS="0")
    calm = server.submit("wait_for_file")
    eventually("the calm one starts", lambda: server.traced("start", calm))
    kinds = ("no json", "no object", "no type", "unknown", "endless", "finished without a result")
    for token in [server.submit("garbage", What=what) for what in kinds]:
        job = server.wait(token, State.FAILED)
        assert job.failures == 2 and job.error
        assert "its process sent its worker a message" in job.error
    (server.trace.parent / "trace.go").touch()
    assert server.wait(calm, State.FINISHED).losses == 0


@pytest.mark.parametrize("do", ["leave_a_thread_that_saves", "leave_a_fork_that_returns"])
@sqlite
def test_what_an_action_leaves_behind_says_nothing_for_the_next_one(
    server: Server, do: str
) -> None:
    server.start(CONNECTOR_TEST_MAXIMUMTHREADS="1", CONNECTOR_TEST_RETRYSECONDS="0")
    first = server.submit(do)
    assert server.wait(first, State.FINISHED).result == {"token": first}
    then = server.wait(server.submit("die_or_tell_checkpoint"), State.FINISHED)
    assert (then.result, then.attempt, then.failures) == ({"checkpoint": None}, 2, 1)


@sqlite
def test_a_fork_says_nothing_for_its_action(server: Server) -> None:
    server.start()
    fails, tell = server.submit("fork_that_fails"), server.submit("forks_that_tell")
    assert server.wait(fails, State.FINISHED).result == {"token": fails}
    ended = server.wait(tell, State.FINISHED)
    assert ended.result == {"ends": [256, 256, 256]} and not ended.progress


@two_engines
def test_a_run_whose_row_was_taken_away_by_hand_is_ended_at_once(server: Server) -> None:
    server.start()
    token = server.submit("sleep")
    eventually("it starts", lambda: server.traced("start", token))
    ((_, _, _, pid, _),) = server.traced("start", token)
    changed = {"state": "queued", "worker_id": None, "changed_by": "a DBA"}
    server.database.run(
        lambda tx: tx.execute(sa.update(jobs).where(jobs.c.token == token).values(changed))
    )
    eventually("its slot is killed", lambda: not psutil.pid_exists(int(pid)))
    eventually("it runs again", lambda: len(server.traced("start", token)) == 2)
    assert not server.traced("end", token)


@sqlite
def test_a_frozen_http_process_is_replaced_and_all_can_end(server: Server) -> None:
    server.start("serve")
    server.ask("GetPid")
    (http,) = server.processes("connector.aci.server")
    http.suspend()
    eventually("it is killed", lambda: not psutil.pid_exists(http.pid))
    eventually("another one is there", lambda: server.processes("connector.aci.server"))
    server.ask("GetPid")
    assert server.end() == 0
