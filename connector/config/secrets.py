"""Secrets that stand in files of their own, and files that show secrets to others."""

import stat
from pathlib import Path

MOST_BYTES = 64 << 10


def read_secret(path: Path) -> str:
    """The text of a secret file without the line ends at its close.

    Raises:
        ValueError: the file cannot be read, is empty, too large (64 KiB) or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
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


def is_readable_by_others(path: Path) -> bool:
    """Whether users of this machine who neither own the file nor share its group may read it."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
