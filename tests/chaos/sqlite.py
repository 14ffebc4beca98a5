"""SQLite under test: one file, on a disk of its own if need be."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from tests.chaos.places import Clock, Engine, Place, Wish, small_disk


class SQLitePlace(Place):
    """One file."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "database"
        self.disk.mkdir()
        self.path = self.disk / "connector.db"
        self.url = self.direct = f"sqlite:///{self.path}"

    @contextlib.contextmanager
    def hold_snapshot(self) -> Iterator[None]:
        """Keep a reader open: the log before it cannot be taken over into the file."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM jobs").fetchone()
            yield


NO_SERVER = "the engine is a library: there is no server, connection or second copy"


class SQLite(Engine):
    """SQLite, a file on this host."""

    name = "sqlite"
    lacks: ClassVar[Mapping[str, str]] = {
        "server": NO_SERVER,
        "standby": NO_SERVER,
        "hosts": "one file serves one host",
    }

    @contextlib.contextmanager
    def place(self, folder: Path, wish: Wish) -> Iterator[Place]:
        """Make a folder for the file, on a disk of its own if wished."""
        place = SQLitePlace(folder)
        with contextlib.ExitStack() as stack:
            if wish.small_disk:
                assert place.disk is not None
                stack.enter_context(small_disk(place.disk, "8m"))
            if wish.movable_clock:
                place.clock = Clock(folder)
            yield place
