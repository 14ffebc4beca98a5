"""A server is backed up while it works, and another one goes on from there."""

import contextlib
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from connector.client import ClientError
from connector.jobs import operate, submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from connector.sandbox.process import SandboxProcess
from tests.conftest import fresh_url
from tests.system.conftest import Server, eventually

WAITING = 3000
"""Actions whose restore takes long enough to be killed under way, twice."""


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=3, messages=90, files=2, throttle_every=0) as running:
        yield running


@pytest.fixture
def another(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Server]:
    """A second server of the same engine, with a database of its own."""
    folder = tmp_path / "another"
    folder.mkdir()
    engine = server.database.dialect.name
    made = Server(fresh_url(engine, request, folder, migrated=True), folder)
    yield made
    made.kill()
    made.database.close()


def start(server: Server, sandbox: SandboxProcess, backups: Path) -> None:
    if server.logins:
        # Of the roles none but the owner may do this, and here that is who made the tables.
        server.logins["CONNECTOR_DATABASE_BACKUPURL"] = server.url
    server.start(
        "serve",
        CONNECTOR_WEBEX_BASEURL=sandbox.base_url,
        CONNECTOR_WEBEX_ACCESSTOKEN=sandbox.token,
        CONNECTOR_WEBEX_PAGESIZE="5",
        CONNECTOR_FETCHTASKS_0="ONE",
        CONNECTOR_PATHS_BACKUPDIRECTORY=str(backups),
        # One kill of all slots may meet an action in two of them, one after the other.
        CONNECTOR_ACTIONS_MAXATTEMPTS="9",
        CONNECTOR_ACTIONS_RETRYSECONDS="0",
    )


def sent(server: Server, action: str, **parameters: str) -> str:
    """Send an action and return its token."""
    return server.ask(action, **parameters).findtext("token", "")


def told(server: Server, action: str, token: str, name: str) -> str:
    """Return a text of the results of an action that must end well."""
    ended = server.ended(action, token)
    assert ended.findtext("status") == "Finished", ended.findtext("error")
    return str(next(ended.iter(name)).text)


def added(server: Server, token: str) -> str:
    """Return how many documents a fetch has delivered for the first time."""
    ended = server.ended("Fetch", token)
    assert ended.findtext("status") == "Finished", ended.findtext("error")
    return next(ended.iter("documentcount")).attrib["added"]


def test_another_server_goes_on_from_a_backup_though_the_restore_is_killed(
    server: Server, another: Server, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    start(server, sandbox, backups)
    server.database.run(operate.set_paused, "Test", True, "test")
    waiting = [NewJob(new_token(), "Test", {"Do": "nothing"}) for _ in range(WAITING)]
    server.database.run(submit.submit, waiting)
    sandbox.control("latency", ms=50)
    fetch = sent(server, "Fetch", FetchAction="Synchronize")
    eventually("a page is delivered", lambda: server.job(fetch).progress)
    name = told(server, "BackupServer", sent(server, "BackupServer"), "filename")
    assert server.end() == 0
    (path,) = backups.iterdir()
    assert path.name == name

    sandbox.control("latency", ms=0)
    start(another, sandbox, backups)
    token = sent(another, "RestoreServer", Path=name)
    eventually("some are back", partial(_restored, another, 1))
    for _ in range(2):  # once in its midst, and once as it begins anew
        kill_slots_under(another, token)
    assert told(another, "RestoreServer", token, "restored") == str(WAITING + 2)
    assert another.job(token).attempt >= 3
    assert another.job(fetch).state is State.QUEUED
    assert _restored(another, WAITING)

    another.database.run(operate.resume_queue, "Fetch", "test")
    another.database.notify({"Fetch"})
    all_of_them = added(another, fetch)
    again = sent(another, "Fetch", FetchAction="Synchronize")
    assert added(another, again) == "0", "all of it was seen before"
    told(another, "PurgeDatastore", sent(another, "PurgeDatastore", Section="ONE"), "success")
    assert added(another, sent(another, "Fetch", FetchAction="Synchronize")) == all_of_them


def test_no_path_of_a_client_leads_out_of_the_folder(
    server: Server, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    start(server, sandbox, tmp_path / "backups")
    for action in ("BackupServer", "RestoreServer"):
        for path in ("/etc", "../data", "a/../../data/secret.key"):
            with pytest.raises(ClientError, match="inside the server's folder of backups"):
                server.ask(action, Path=path)
    assert not (tmp_path / "backups").exists()


def _restored(server: Server, least: int) -> bool:
    count = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.queue == "Test")
    return int(server.database.read(lambda tx: tx.execute(count).scalar_one())) >= least


def kill_slots_under(server: Server, token: str) -> None:
    """Kill every slot until an action that one of them runs begins another attempt.

    Once may not be enough: a slot that dies before it is told of a run leaves the attempt to
    another. That one is given time to begin it.
    """
    attempt, due, pause = server.job(token).attempt, 0.0, 0.5

    def killed() -> bool:
        nonlocal due, pause
        if time.monotonic() >= due:
            pause *= 2
            due = time.monotonic() + pause
            for process in server.processes("connector.worker.slot"):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
        return server.job(token).attempt > attempt

    eventually("another attempt begins", killed)
