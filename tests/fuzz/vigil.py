"""What a process does besides answering: its log, files that it opens, errors nobody catches."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOREIGN = ("/etc/passwd", "/etc/shadow", "/proc/self/environ")
"""Files that requests name, and that the server has no reason to open."""

SEVERE = ("database is away",)
"""Warnings that mean a fault here, where the database is always there."""


class Vigil(logging.Handler):
    """Watches this process while it is `watching`; there is one of it in a process."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._folders: tuple[str, str] | None = None
        self.found: list[str] = []
        logging.getLogger().addHandler(self)
        sys.addaudithook(self._audit)

    def note(self, what: str) -> None:
        """Remember something that must not happen."""
        self.found.append(what)

    @contextlib.contextmanager
    def watching(self, folder: Path, outside: Path) -> Iterator[None]:
        """Watch: files may be written in `folder` alone, and nothing opened in `outside`."""
        self._folders = (str(folder), str(outside))
        hooks = sys.unraisablehook, threading.excepthook
        sys.unraisablehook = lambda told: self.note(f"nobody catches {told.exc_value!r}")
        threading.excepthook = lambda told: self.note(f"a thread ends with {told.exc_value!r}")
        try:
            yield
        finally:
            self._folders = None
            sys.unraisablehook, threading.excepthook = hooks

    def take(self) -> list[str]:
        """Return what was found since the last time."""
        found, self.found = self.found, []
        return found

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line of the log."""
        severe = record.levelno >= logging.ERROR or record.getMessage() in SEVERE
        if severe and self._folders:
            text = record.getMessage().strip()
            facts = getattr(record, "facts", "")
            kind = record.exc_info[1] if record.exc_info else ""
            self.note(f"the log says: {text} {facts} {kind!r}{_place(record)}")

    def _audit(self, event: str, given: tuple[Any, ...]) -> None:
        if self._folders is None or event != "open":
            return
        path, _, flags = given
        if not isinstance(path, str | bytes):
            return
        name = os.fsdecode(path)
        folder, outside = self._folders
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        absolute = os.path.abspath(name)
        if absolute.startswith(outside) or absolute in FOREIGN:
            self.note(f"the file {name!r} is opened")
        elif writes and not absolute.startswith(folder) and not _usual(absolute):
            self.note(f"the file {name!r} is written")


def _usual(path: str) -> bool:
    """Whether Python itself writes there: the code of what it imports, and the null device."""
    return path == os.devnull or "__pycache__" in path


def _place(record: logging.LogRecord) -> str:
    """Return where an exception was raised."""
    trace = record.exc_info[2] if record.exc_info else None
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" at {Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place
