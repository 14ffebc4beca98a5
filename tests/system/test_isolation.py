"""Trouble with one action or one process is never the trouble of the others."""

import os
import signal

import psutil
import pytest

from connector.jobs.states import State
from tests.system.conftest import Server, eventually


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


def test_a_frozen_http_process_is_replaced_and_all_can_end(server: Server) -> None:
    server.start("serve")
    server.ask("GetPid")
    (http,) = server.processes("connector.aci.server")
    http.suspend()
    eventually("it is killed", lambda: not psutil.pid_exists(http.pid))
    eventually("another one is there", lambda: server.processes("connector.aci.server"))
    server.ask("GetPid")
    assert server.end() == 0
