"""A database under test, and what can be done to it: what each engine fills in."""

import contextlib
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from tests.proxy import Proxy

SECONDS = 30.0


@dataclass(frozen=True)
class Wish:
    """What has to be there before the load begins.

    `hosts`: trees of processes, each with a data folder of its own; `wire`: the first of them
    reaches the database through a proxy; `standby`: how the primary replicates.
    """

    hosts: int = 1
    wire: bool = False
    small_disk: bool = False
    movable_clock: bool = False
    standby: Literal["", "synchronous", "asynchronous"] = ""
    measured: bool = False
    """Whether what is lost is only measured, since nothing can prevent it."""


class Clock:
    """The time of day that programs see, which can be moved; how fast time goes stays.

    `folder`: where its library and its state are put, readable by every user. The libfaketime of
    today breaks `clock_nanosleep` with a monotonic moment, and with it every `time.sleep`.
    Raises CalledProcessError without a C compiler.
    """

    def __init__(self, folder: Path) -> None:
        self._state = folder / "clock"
        library = folder / "clock.so"
        source = Path(__file__).parent / "clock.c"
        if not library.exists():
            build = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
            subprocess.run(build, check=True, capture_output=True)
        self._off = 0
        self._state.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._state)}

    def step(self, seconds: int) -> None:
        """Move the clock from where it is."""
        self._off += seconds
        # In place: every process has the file mapped.
        with self._state.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", self._off))


class Place:
    """A database for one rig. `url`: for programs; `direct`: for the rig, past every proxy."""

    url = direct = ""
    disk: Path | None = None
    wire: Proxy | None = None
    clock: Clock | None = None

    def fill_disk(self) -> None:
        """Leave not one byte free on the small disk."""
        assert self.disk is not None
        with (self.disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def empty_disk(self) -> None:
        """Give the space back."""
        assert self.disk is not None
        (self.disk / "filler").unlink()

    def hold_snapshot(self) -> contextlib.AbstractContextManager[None]:
        """Keep a transaction open that has read."""
        raise NotImplementedError


class ServerPlace(Place):
    """A database on a server that can be stopped, started and told to do things."""

    def restart(self) -> contextlib.AbstractContextManager[None]:
        """End the server as a crash does; start it at the end."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server, if it has ended."""
        raise NotImplementedError

    def terminate_one(self) -> None:
        """End one of the programs' connections, any."""
        raise NotImplementedError

    def fill_connections(self) -> contextlib.AbstractContextManager[None]:
        """Take every connection that the server allows, those of the programs too."""
        raise NotImplementedError

    def read_only(self) -> contextlib.AbstractContextManager[None]:
        """Have the server refuse writes."""
        raise NotImplementedError

    def fail_over(self) -> None:
        """Lose the primary and promote its standby; make a new standby of it."""
        raise NotImplementedError


def eventually(what: str, condition: Any, seconds: float = SECONDS) -> Any:
    """Wait until the condition gives something true and return that. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.01)
    return value


class Engine:
    """A kind of database. `lacks`: faults without meaning here, by the tool they need, and why."""

    name: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def missing(self) -> str | None:
        """Say what has to be installed before it can be used, or None."""
        return None

    def place(self, folder: Path, wish: Wish) -> contextlib.AbstractContextManager[Place]:
        """Make an empty database with what is wished for."""
        raise NotImplementedError


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of few bytes there. Raises CalledProcessError without the right to."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", folder],
        check=True,
        capture_output=True,
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
