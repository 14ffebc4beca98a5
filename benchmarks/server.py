"""A server to measure: real processes on a fresh database, driven over HTTP."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from connector.client import Client
from connector.db.engine import Database

DEADLINE = 300.0


@dataclass(frozen=True)
class Serving:
    """A running server: the address of its ACI port, its processes, its database and folder."""

    client: Client
    address: str
    supervisor: psutil.Process
    database: Database
    folder: Path

    def tree(self) -> list[psutil.Process]:
        return [self.supervisor, *self.supervisor.children(recursive=True)]

    def send(self, action: str, **parameters: str) -> str:
        return self.client.ask(action, parameters).findtext("token", "")

    def finished(self, queue: str, token: str) -> Mapping[str, str]:
        """Wait until an action has ended, and return the texts of its elements."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            action = self.client.status(queue, token).element
            if action.findtext("status") not in ("Queued", "Processing"):
                return {child.tag: child.text or "" for child in action}
            time.sleep(0.02)
        raise TimeoutError(f"{token} has not ended within {DEADLINE} s")


@contextlib.contextmanager
def serving(url: str, folder: Path, **environment: str) -> Iterator[Serving]:
    """Migrate the database at `url` and run `webex-connector serve` on it."""
    settings = {
        **os.environ,
        "CONNECTOR_DATABASE_URL": url,
        "CONNECTOR_PATHS_DATADIRECTORY": str(folder),
        "CONNECTOR_SERVER_PORT": "0",
        "CONNECTOR_LOGGING_LOGLEVEL": "Warning",
        **environment,
    }
    command = [sys.executable, "-m", "connector"]
    subprocess.run([*command, "migrate"], env=settings, check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([*command, "serve"], env=settings, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    database = Database(url, application="benchmark")
    try:
        address = server.stdout.readline().rpartition(" ")[2].strip()
        with Client(address) as client:
            _ready(client)
            yield Serving(client, address, psutil.Process(server.pid), database, folder)
    finally:
        database.close()
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        server.stdout.close()


def _ready(client: Client) -> None:
    client.ask("GetPid")


def memory(processes: list[psutil.Process]) -> float:
    """Return the proportional set size of processes together, in MiB."""
    return sum(process.memory_full_info().pss for process in processes) / (1 << 20)


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU time that living processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)
