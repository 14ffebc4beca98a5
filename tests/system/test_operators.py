"""The commands of operators against a running server."""

import os
import socket
import subprocess
import sys

import pytest

from connector.jobs import workers
from connector.jobs.states import State
from tests.system.conftest import PLUGIN, Server, eventually


@pytest.fixture(params=["sqlite"])
def server(server: Server) -> Server:
    return server


def command(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", ".")]),
        "CONNECTOR_DATABASE_URL": server.url,
        "CONNECTOR_PATHS_DATADIRECTORY": str(server.folder / "data"),
        "COLUMNS": "200",
    }
    return subprocess.run(
        [sys.executable, "-m", "connector", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(server: Server, *arguments: str) -> str:
    done = command(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pause_resume_retry_and_priority_of_an_action(server: Server) -> None:
    server.start()
    token = server.submit("wait_for_file", Seconds=60)
    server.wait(token, State.RUNNING)
    said(server, "pause", "--queue", "Test", "--reason", "maintenance")
    waiting = server.submit("nothing")
    assert "its queue is paused by cli " in (why := said(server, "why", waiting)) and why.endswith(
        ": maintenance\n-> webex-connector resume --queue Test\n"
    )
    assert "is queued" in said(server, "prioritise", waiting, "7", "--reason", "urgent")
    assert "is paused" in said(server, "pause", waiting)
    assert "is queued" in said(server, "resume", waiting)
    assert "goes on" in said(server, "resume", "-q", "Test")
    server.wait(waiting, State.FINISHED)
    refused = command(server, "retry", waiting)
    assert refused.returncode == 1 and "it is finished" in refused.stderr
    log = said(server, "log", waiting)
    assert "reprioritise" in log and "urgent" in log and "cli " in log


def test_a_drained_host_is_waited_for_and_claims_again(server: Server) -> None:
    server.start()
    host = socket.gethostname()
    assert "nothing runs there" in said(server, "drain", host, "--wait")
    token = server.submit("nothing")
    unknown = said(server, "drain", "elsewhere")
    assert f"no worker of elsewhere is registered; there is {host}" in unknown
    assert server.job(token).state is State.QUEUED
    assert "claims again" in said(server, "drain", host, "--undo")
    server.wait(token, State.FINISHED)


def test_a_drill_takes_a_lease_and_the_action_runs_again(server: Server) -> None:
    server.start()
    token = server.submit("sleep")
    server.wait(token, State.RUNNING)
    told = said(server, "drill", "lease-loss")
    assert token in told and "back after" in told
    again = eventually("it runs anew", lambda: job if (job := server.job(token)).attempt > 1 else 0)
    assert (again.losses, again.failures) == (1, 0)
    # Its row says so before the slot has begun it.
    starts = eventually(
        "it starts", lambda: x if len(x := server.traced("start", token)) > 1 else 0
    )
    assert [start[2] for start in starts][:2] == ["1", "2"]


def test_a_restored_copy_runs_nothing_until_it_is_resumed(server: Server) -> None:
    token = server.submit("nothing")
    told = said(server, "restored")
    assert token in told and "1 actions would run again" in told
    server.start()
    eventually("its worker registers", lambda: server.database.read(workers.beats))
    other = server.submit("nothing")
    used = command(server, "restored")
    assert used.returncode == 2 and "it is in use" in used.stderr
    assert {server.job(each).state for each in (token, other)} == {State.QUEUED}
    said(server, "resume", "--queue", "Test")
    server.wait(token, State.FINISHED)
    server.wait(other, State.FINISHED)


def test_the_doctor_finds_nothing_wrong_with_a_server_at_work(server: Server) -> None:
    server.start()
    server.wait(server.submit("nothing"), State.FINISHED)
    assert "WRONG" not in said(server, "doctor")
