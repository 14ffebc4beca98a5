"""The end of a server: who may go on for how long, and nothing is lost or charged."""

import signal
import time

import pytest

from connector.jobs.states import State
from tests.system.conftest import Server, eventually

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


def test_what_runs_may_finish_within_the_time_for_it(server: Server) -> None:
    server.start(CONNECTOR_WORKER_SHUTDOWNSECONDS="60", CONNECTOR_WORKER_LEASESECONDS="2")
    running, waiting = server.submit("wait_for_file"), ""
    eventually("it starts", lambda: server.traced("start", running))
    assert server.process is not None
    server.process.terminate()
    waiting = server.submit("nothing")
    time_of_lease = time.monotonic() + 3  # beats go on until the last slot is gone
    eventually("a lease would have lapsed", lambda: time.monotonic() > time_of_lease)
    (server.trace.parent / "trace.go").touch()
    assert server.process.wait(30) == 0
    server.process = None
    assert (server.job(running).state, server.job(running).attempt) == (State.FINISHED, 1)
    assert server.job(waiting).state is State.QUEUED


def test_what_can_be_paused_is_asked_at_once(server: Server) -> None:
    server.start(CONNECTOR_WORKER_SHUTDOWNSECONDS="60", CONNECTOR_ACTIONS_GRACESECONDS="20")
    token = server.submit("save_when_asked", "Pausable")
    eventually("it starts", lambda: server.traced("from=0", token))
    assert server.end() == 0
    job = server.job(token)
    assert (job.state, job.failures, job.losses) == (State.QUEUED, 0, 0)
    server.start()
    eventually("it goes on from its checkpoint", lambda: server.traced("from=1", token))


def test_a_second_signal_shortens_the_time(server: Server) -> None:
    server.start(CONNECTOR_WORKER_SHUTDOWNSECONDS="600", CONNECTOR_ACTIONS_GRACESECONDS="20")
    token = server.submit("sleep")
    eventually("it starts", lambda: server.traced("start", token))
    slot = "connector.worker.slot"
    slots = eventually(
        "another stands by", lambda: found if len(found := server.processes(slot)) > 1 else None
    )
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.poll() is None
    eventually("it has begun to end", lambda: not all(one.is_running() for one in slots))
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    server.process = None
    assert (server.job(token).state, server.job(token).failures) == (State.QUEUED, 0)
