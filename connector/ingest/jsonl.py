"""Files of JSON lines: `page-TOKEN-NUMBER.jsonl` a page, and below `files` what hangs on documents.

Everything is written below `.tmp`, synced and moved to its place, so a reader sees whole files only
and may take pages away at any time.
"""

import errno
import hashlib
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connector.ingest.document import Document, Run
from connector.ingest.target import Sink, TargetUnusable

TEMPORARY = ".tmp"
FILES = "files"

_UNSAFE = re.compile(r"[^\w.()+@=,' -]+")
_LONGEST = 120
"""Bytes of a file's own name that are kept: common file systems allow 255 in all."""


class Jsonl:
    """A folder of JSON lines; made when missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / FILES
        self._temporary = folder / TEMPORARY

    def begin(self, run: Run, after_page: int) -> None:
        """Make the folders, remove remains of killed runs and this run's pages above the number."""
        with _reported(self._folder):
            for folder in (self._files, self._temporary):
                folder.mkdir(parents=True, exist_ok=True)
            for entry in os.scandir(self._temporary):
                os.unlink(entry)
            number = after_page + 1
            while (page := self._folder / page_name(run, number)).exists():
                page.unlink()
                number += 1
            _sync_folder(self._folder)

    def last_page(self, run: Run) -> int:
        """Return the largest number among the run's pages in the folder."""
        if not self._folder.is_dir():
            return 0
        with _reported(self._folder):
            names = self._folder.glob(f"page-{run.token}-*.jsonl")
            return max((int(name.stem.rpartition("-")[2]) for name in names), default=0)

    @contextmanager
    def sink(self, reference: str, name: str) -> Iterator[Sink]:
        """Open a file below `files`, named after the reference so that each has one place."""
        final = self._files / stored_name(reference, name)
        temporary = self._temporary / f"{threading.get_ident()}-{final.name}"
        place = f"{FILES}/{final.name}"
        with _reported(self._folder):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            yield _Opened(descriptor, place, self._folder)
            with _reported(self._folder):
                os.fsync(descriptor)
                os.rename(temporary, final)
                _sync_folder(self._files)
        finally:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(temporary)

    def write_page(self, run: Run, number: int, documents: Iterable[Document]) -> None:
        """Write one file of lines."""
        final = self._folder / page_name(run, number)
        temporary = self._temporary / final.name
        with _reported(self._folder):
            with open(temporary, "wb") as file:
                file.writelines(document.line(run) for document in documents)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, final)
            _sync_folder(self._folder)


class _Opened:
    def __init__(self, descriptor: int, place: str, folder: Path) -> None:
        self.place = place
        self._descriptor = descriptor
        self._folder = folder

    def write(self, data: bytes) -> None:
        with _reported(self._folder):
            while data:
                data = data[os.write(self._descriptor, data) :]


def page_name(run: Run, number: int) -> str:
    """Return the name of a page's file: the same for the same run and number."""
    return f"page-{run.token}-{number:06}.jsonl"


def stored_name(reference: str, name: str) -> str:
    """Return the name a file is stored under: unique by reference, recognisable, harmless."""
    digest = hashlib.sha256(reference.encode()).hexdigest()[:20]
    shown = _UNSAFE.sub("_", name).strip(" .")
    stem, dot, suffix = shown.rpartition(".")
    if not dot or len(suffix.encode()) > 12:
        stem, dot, suffix = shown, "", ""
    kept = stem.encode()[: _LONGEST - len(suffix.encode())].decode(errors="ignore")
    return f"{digest}-{kept or 'file'}{dot}{suffix}"


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_ADVICE = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there, or raise the quota",
    errno.EROFS: "make the file system writable, or choose another IngestDirectory",
    errno.EACCES: "give this user the right to write there, or choose another IngestDirectory",
    errno.EPERM: "give this user the right to write there, or choose another IngestDirectory",
}


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into a sentence about the target's folder."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "check it, or choose another IngestDirectory")
        raise TargetUnusable(
            f"cannot write documents to {folder}: {error.strerror or error}; {advice}, "
            "then send the action again"
        ) from error
