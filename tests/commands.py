"""The command `webex-connector` as people run it: real processes in a folder of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from select import select
from urllib.parse import urlencode

import httpx2
import psutil

from connector.db.engine import Database
from tests.conftest import migrate

ROOT = Path(__file__).parent.parent
SECONDS = 30.0
SMALL = {"SERVER_PORT": "0", "ACTIONS_MAXIMUMTHREADS": "1"}
"""Settings of a server on a free port with one slot, which starts faster than with two."""


def gone(process: psutil.Process) -> bool:
    """Say whether a process has ended; whether anybody has asked for its status does not count."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Serving:
    """A running `serve` or `work`: its process, what it said first, and where it serves."""

    def __init__(self, process: subprocess.Popen[str], first: str, errors: Path) -> None:
        self.process = process
        self.first = first
        self.url = first.rpartition(" ")[2]
        self.errors = errors

    def ask(self, action: str, **parameters: str) -> ET.Element:
        """Send an action in the path, as ACI clients do, and return `responsedata`."""
        query = urlencode({"action": action, **parameters})
        reply = httpx2.get(self.url + query, trust_env=False, timeout=SECONDS)
        assert reply.status_code == 200
        data = ET.fromstring(reply.content).find("responsedata")
        assert data is not None, reply.text
        return data

    def status(self, queue: str, token: str) -> ET.Element:
        """Return how an action is doing, as GetStatus tells."""
        asked = {"QueueName": queue, "QueueAction": "GetStatus", "Token": token}
        action = self.ask("QueueInfo", **asked).find("actions/action")
        assert action is not None, f"{token} is not known"
        return action

    def family(self) -> list[psutil.Process]:
        """Return every process of the server, the supervisor first."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server in order and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut does; none is left."""
        family = self.family() if self.process.poll() is None else []
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(SECONDS)
        deadline = time.monotonic() + SECONDS
        while not all(map(gone, family)):
            assert time.monotonic() < deadline, f"still there: {family}"
            time.sleep(0.01)


@dataclass(frozen=True)
class Program:
    """One installation of the program. `folder`: where it is started, which holds its data."""

    command: tuple[str, ...]
    folder: Path
    python_path: str = ""

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Return an environment with these settings alone, such as SERVER_PORT="0"."""
        ours = ("CONNECTOR_", "WEBEX_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        given = {f"CONNECTOR_{name}": value for name, value in settings.items()}
        path = {"PYTHONPATH": self.python_path} if self.python_path else {}
        # A terminal of one width, so that help breaks its lines the same everywhere.
        return {**kept, **path, **given, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return what it printed and its exit status."""
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.environment(settings),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    @contextlib.contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator[Serving]:
        """Start a server, yield it once it has said that it serves, and end it for certain."""
        errors = self.folder / "errors.log"
        with errors.open("a") as told:
            process = subprocess.Popen(
                [*self.command, *arguments],
                cwd=self.folder,
                env=self.environment({**SMALL, **settings}),
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None
        serving = Serving(process, "", errors)
        try:
            ready = select([process.stdout], [], [], SECONDS)[0]
            first = process.stdout.readline().strip() if ready else ""
            assert first, f"said nothing; its log: {errors.read_text()}"
            yield Serving(process, first, errors)
        finally:
            serving.kill()
            process.stdout.close()


def checkout(folder: Path) -> Program:
    """Return the program as it stands in this checkout."""
    return Program((sys.executable, "-m", "connector"), folder, str(ROOT))


def migrated(folder: Path) -> Program:
    """Return the program as it stands in this checkout, with a migrated database in the folder."""
    (folder / "data").mkdir()
    database = Database(f"sqlite:///{folder}/data/connector.db")
    migrate(database)
    database.close()
    return checkout(folder)
