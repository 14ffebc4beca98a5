"""The one folder that backups are written to and read from: no path leads out of it."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from connector.actions.action import InvalidParameter

NAMES = (
    "names of folders and of a file inside the server's folder of backups ([Paths] "
    "BackupDirectory), with / between them: no path that begins with /, no .. and no hidden name"
)

LONGEST = 255
"""Bytes of a name, as most file systems have it."""


def parts(path: str, parameter: str = "Path") -> tuple[str, ...]:
    """Return the names that a client's path is made of. Raises InvalidParameter."""
    if not path.strip():
        return ()
    names = tuple(path.strip().split("/"))
    for name in names:
        hidden = name.startswith(".") or not name.strip()
        if hidden or not name.isprintable() or len(os.fsencode(name)) > LONGEST:
            raise InvalidParameter(parameter, NAMES, path)
    return names


@contextlib.contextmanager
def opened(root: Path, path: str) -> Iterator[BinaryIO]:
    """Open a file of the folder for reading; no symbolic link is followed below `root`.

    Raises InvalidParameter, or OSError.
    """
    *folders, name = parts(path) or ("",)
    with _folder(root, folders) as place:
        # Without O_NONBLOCK a pipe that somebody has put there would be waited for.
        how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, how, dir_fd=place)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        yield file


@contextlib.contextmanager
def written(root: Path, path: str, name: str, token: str) -> Iterator[BinaryIO]:
    """Write a file `name` of the folder at `path`: it is there when it is whole, and durable.

    For the server's user alone. Until then it is hidden, and begun anew by another attempt of the
    same `token`. Raises InvalidParameter, or OSError.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = f".{token}.part"
    with _folder(root, parts(path), make=True) as place:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=place)
        how = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(hidden, how, 0o600, dir_fd=place)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                same = _same(hidden, place, file.fileno())
            if not same:
                raise OSError(f"another attempt writes {name} by now")
            os.rename(hidden, name, src_dir_fd=place, dst_dir_fd=place)
            os.fsync(place)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(hidden, dir_fd=place)
            raise


def _same(name: str, place: int, descriptor: int) -> bool:
    """Whether the name still leads to the open file."""
    try:
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


@contextlib.contextmanager
def _folder(root: Path, names: tuple[str, ...] | list[str], make: bool = False) -> Iterator[int]:
    """Open a folder below another, name by name, so that no link can lead elsewhere."""
    how = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    place = os.open(root, how)
    try:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=place)
            inner = os.open(name, how | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)
