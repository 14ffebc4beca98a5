"""What a run has measured: one JSON line a measurement, written at once, read by who goes on.

A run has a name, and is of one revision of the program on one machine with one database server:
only within it may figures be compared.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
MEASURED = ("connector", "migrations")
"""What a revision is of: a change of anything else leaves figures as they are."""

Settings = Mapping[str, Any]
Values = Mapping[str, float]


class OtherRun(Exception):
    """What is to be added does not belong into this run; the text says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One look at one thing. `case`: which of a measure's cases; `who`: ours, a peer or limit.

    `values` are figures by name; one that failed has none, and an `error`.
    """

    measure: str
    case: str
    who: str
    round: int
    settings: Settings
    values: Values
    error: str = ""
    text: str = ""
    """What a part has printed that prints figures for people alone."""
    at: str = ""
    revision: str = ""
    machine: Settings | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What is measured once in a run."""
        return self.measure, self.case, self.who, self.round


class Run:
    """The measurements of one run, in a file that is only added to."""

    def __init__(self, path: Path, revision: str, machine: Settings) -> None:
        self.path, self._revision, self._machine = path, revision, machine
        self.measurements = read(path)
        for each in self.measurements:
            if each.revision != revision:
                raise OtherRun(f"run {path.stem} is of revision {each.revision}, not {revision}")
            if each.machine != machine:
                raise OtherRun(f"run {path.stem} is of another machine or database server")

    def has(self, measure: str, case: str, who: str, number: int, settings: Settings) -> bool:
        """Say whether that was measured in that round. Raises OtherRun if with other settings."""
        for each in self.measurements:
            if each.error or each.key[:3] != (measure, case, who):
                continue
            if each.settings != settings:
                told = f"{measure} {case} of {who} has {each.settings}, not {settings}"
                raise OtherRun(f"run {self.path.stem}: {told}")
            if each.round == number:
                return True
        return False

    def append(self, measurement: Measurement) -> None:
        """Add a measurement, with time, revision and machine."""
        content = {
            **asdict(measurement),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": self._revision,
            "machine": self._machine,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _end_line(self.path)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")
        self.measurements.append(Measurement(**content))


def read(path: Path) -> list[Measurement]:
    """Return what a file holds; a line that was not written to its end is passed over."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(Measurement(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return found


def _end_line(path: Path) -> None:
    """End the last line, if whoever wrote it was killed meanwhile."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")


def folder() -> Path:
    """Return where runs are kept."""
    return Path(os.environ.get("BENCH_RESULTS", ROOT / "bench-results"))


def path_of(name: str) -> Path:
    """Return the file of a run."""
    return folder() / f"{name}.jsonl"


def revision() -> str:
    """Return the last commit that changed what is measured, and a digest of what is uncommitted."""
    commit = _git("log", "-1", "--format=%h", "--", *MEASURED).strip() or "unversioned"
    changed = _git("diff", "HEAD", "--", *MEASURED)
    return commit + (f"+{hashlib.sha256(changed.encode()).hexdigest()[:7]}" if changed else "")


def machine(server: Settings) -> Settings:
    """Return what figures depend on besides the program. `server`: what the database says."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **server,
    }


def _git(*arguments: str) -> str:
    """Return what git says, which outside of a checkout is nothing."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout
