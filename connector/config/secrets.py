"""Secrets that stand in files of their own, and files that show secrets to others."""

import os
import stat
from pathlib import Path

MOST_BYTES = 64 << 10


def read_secret(path: Path) -> str:
    """The text of a secret file without the line ends at its close.

    Raises:
        ValueError: the file is no regular one, cannot be read, is empty, too large (64 KiB) or not
            UTF-8.
    """
    try:
        data = _content(path)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ValueError(f"the file cannot be read ({reason}); name one that can") from None
    if len(data) > MOST_BYTES:
        raise ValueError("the file is larger than 64 KiB; name one that holds the secret alone")
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text; write the secret as text") from None
    if not text:
        raise ValueError("the file is empty; write the secret into it")
    return text


def _content(path: Path) -> bytes:
    # A pipe that nobody writes to would else be waited for, and for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file; name one that holds the secret alone")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def is_readable_by_others(path: Path) -> bool:
    """Whether users of this machine who neither own the file nor share its group may read it."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
