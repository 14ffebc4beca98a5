"""The processes of one server or of workers alone, as an operator's service manager has them."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.chaos.places import eventually
from tests.commands import ROOT, gone

PLUGIN = Path(__file__).parent / "plugin"
LEASE = 3.0
"""Seconds of a lease in a rig: short, so that lapses are quick."""

SLOTS = 3

SETTINGS = {
    "SERVER_PORT": "0",
    "SERVER_ANSWERSECONDS": "2",
    "DATABASE_CONNECTTIMEOUTSECONDS": "2",
    "ACTIONS_MAXIMUMTHREADS": str(SLOTS),
    "ACTIONS_GRACESECONDS": "1",
    "ACTIONS_RETRYSECONDS": "0.2",
    "WORKER_LEASESECONDS": str(LEASE),
}


class Tree:
    """`webex-connector serve` or `work` on one database, with a data folder of its own.

    The folder makes it a host of its own: what only locks of files tell, no other tree knows.
    """

    def __init__(
        self, command: str, folder: Path, url: str, environment: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir()
        self.command = command
        self.folder = folder
        self.log = folder / "log"
        self.address = ""
        """Of the ACI port."""
        ours = ("CONNECTOR_", "WEBEX_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        given = {**SETTINGS, "DATABASE_URL": url, "PATHS_DATADIRECTORY": str(folder / "data")}
        self._environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(PLUGIN), str(ROOT)]),
            **{f"CONNECTOR_{name}": value for name, value in given.items()},
            **(environment or {}),
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it serves, or works. Raises RuntimeError."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "connector", self.command],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        with self.process.stdout as out:
            said = out.readline() if select.select([out], [], [], 30)[0] else ""
        if not said:
            raise RuntimeError(f"said nothing; its log: {self.log.read_text()}")
        self.address = said.rpartition(" ")[2].strip()

    def family(self) -> list[psutil.Process]:
        """Return every process of it, the supervisor first."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def running(self, module: str) -> list[psutil.Process]:
        """Return its processes that run a module."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if module in process.cmdline():
                    found.append(process)
        return found

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut does; none is left."""
        if self.process is None:
            return
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(30)
        eventually("all of it has ended", lambda: all(map(gone, [*family, *self.left()])))

    def end(self) -> int:
        """End it in order, and return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def left(self) -> list[psutil.Process]:
        """Return processes that belong to it by their settings, whoever their parent is."""
        mark = f"CONNECTOR_PATHS_DATADIRECTORY={self.folder / 'data'}"
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                if mark.encode() in environment.split(b"\0") and not gone(process):
                    found.append(process)
        return found
