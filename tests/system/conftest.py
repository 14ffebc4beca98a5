"""Real servers for the system tests: real processes, real signals, a real database."""

import contextlib
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector.actions.action import Document
from connector.client import Client
from connector.db.engine import Database
from connector.jobs import reading, submit
from connector.jobs.job import Job, NewJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests import installation, roles
from tests.commands import ROOT, gone
from tests.conftest import ENGINES, fresh_url

PLUGIN = Path(__file__).parent.parent / "plugin"
DEADLINE = 30.0

sqlite = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
"""For what has nothing to do with the engine."""

two_engines = pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)
"""For what may have to do with whether there is a server of the database."""

postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)
"""For what has to do with a server of the database, of whatever kind."""


def eventually(what: str, condition: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """Wait until the condition gives something true and return that; fail after a deadline."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.01)


class Server:
    """A server's processes on one database, started and ended at will."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.database = Database(url, application="test")
        self.trace = folder / "trace"
        self.process: subprocess.Popen[str] | None = None
        self.log = folder / "log"
        """What its processes have logged, as JSON lines, if `keep_log` was set before."""
        self.keep_log = False
        self.package = os.environ.get("PYTHONPATH", ".")
        """Folder of the package that is started."""
        self.address = ""
        """Of the ACI port, after `start("serve")`."""
        self.logins: dict[str, str] = {}
        """Variables with the URLs that kinds of processes have of their own."""

    def start(self, command: str = "work", **environment: str) -> None:
        """Start `webex-connector COMMAND` and wait until it says that it serves, or works."""
        base: Mapping[str, str] = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PLUGIN), self.package]),
            "CONNECTOR_DATABASE_URL": self.url,
            "CONNECTOR_PATHS_DATADIRECTORY": str(self.folder / "data"),
            "CONNECTOR_SERVER_PORT": "0",
            "CONNECTOR_ACTIONS_GRACESECONDS": "1",
            "CONNECTOR_WORKER_LEASESECONDS": "3",
            "CONNECTOR_WORKER_SHUTDOWNSECONDS": "0.2",
        }
        if self.keep_log:
            environment["CONNECTOR_LOGGING_LOGFORMAT"] = "json"
        with open(self.log, "a") if self.keep_log else contextlib.nullcontext() as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "connector", command],
                env={**base, **self.logins, **environment},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.package.partition(os.pathsep)[0],
            )
        assert self.process.stdout is not None
        with self.process.stdout as out:
            self.address = out.readline().rpartition(" ")[2].strip()

    def ask(self, action: str, **parameters: str) -> ET.Element:
        """Send an action over HTTP and return `responsedata`. Raises ClientError."""
        with Client(self.address) as client:
            return client.ask(action, parameters)

    def status(self, queue: str, token: str) -> ET.Element:
        """Return what QueueInfo tells of an action. Raises ClientError."""
        with Client(self.address) as client:
            return client.status(queue, token).element

    def ended(self, queue: str, token: str) -> ET.Element:
        """Wait until QueueInfo tells that an action has ended, and return what it tells."""
        found: ET.Element = eventually(
            f"{token} ends",
            lambda: (
                x
                if (x := self.status(queue, token)).findtext("status")
                not in ("Queued", "Processing")
                else None
            ),
            60,
        )
        return found

    def end(self) -> int:
        """End it in order and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(DEADLINE)
        self.process = None
        return status

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut does; none is left."""
        if self.process is None:
            return
        family = self.family() if self.process.poll() is None else []
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self.process = None
        eventually("all of it has ended", lambda: all(map(gone, family)))

    def family(self) -> list[psutil.Process]:
        """Return every process of the server, the supervisor first."""
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def processes(self, module: str) -> list[psutil.Process]:
        """Return the server's processes that run a module."""
        found = [p for p in self.family() if any(module in part for part in _cmdline(p))]
        # One that it has just forked looks like itself, until it runs a program of its own.
        themselves = {process.pid for process in found}
        return [process for process in found if _parent(process) not in themselves]

    def submit(self, do: str, queue: str = "Test", **parameters: object) -> str:
        """Store an action as http does, and return its token."""
        token = new_token()
        given = {"Do": do, "Trace": str(self.trace), "Seconds": 60, "Times": 1, **parameters}
        self.database.run(submit.submit, [NewJob(token, queue, given)])
        self.database.notify({queue})
        return token

    def job(self, token: str) -> Job:
        """Return an action as it stands."""
        return self.database.read(reading.get, [token])[token]

    def wait(self, token: str, *states: State, seconds: float = DEADLINE) -> Job:
        """Wait until an action is in one of the states, and return it."""
        job: Job = eventually(
            f"{token} is {states}, not {self.job(token)}",
            lambda: seen if (seen := self.job(token)).state in states else None,
            seconds,
        )
        return job

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines whose event begins so."""
        lines = [json.loads(x) for x in self.log.read_text().splitlines() if x.startswith("{")]
        return [line for line in lines if line["event"].startswith(event)]

    def traced(self, word: str, token: str | None = None) -> list[list[str]]:
        """Return what actions have noted: word, token, attempt, pid, time."""
        if not self.trace.exists():
            return []
        lines = [line.split() for line in self.trace.read_text().splitlines()]
        return [x for x in lines if x[0].startswith(word) and (token is None or x[1] == token)]


def result_of(job: Job) -> Document:
    """Return what a finished action returned."""
    assert job.state is State.FINISHED, job
    return job.result or {}


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A migrated database and the means to start a server on it; ended for certain.

    On PostgreSQL each kind of process logs in as a role with the least rights.
    """
    made = Server(fresh_url(request.param, request, tmp_path, migrated=True), tmp_path)
    if request.param == "postgresql":
        urls = roles.granted(made.url)
        kinds = ("http", "worker", "slot", "operator", "owner")
        made.logins = {f"CONNECTOR_DATABASE_{kind.upper()}URL": urls[kind] for kind in kinds}
    yield made
    made.kill()
    made.database.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a virtual environment into which the wheel of this checkout is installed."""
    folder = tmp_path_factory.mktemp("installed")
    made = installation.environment(folder)
    installation.install(made, installation.build(folder))
    return made


@pytest.fixture(scope="session")
def with_own_action(installed: Path) -> Path:
    """The same environment with an outside package that adds an action."""
    installation.install(installed, ROOT / "tests/own_action")
    return installed
