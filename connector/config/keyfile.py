"""The key file: the keys that encrypt secret parameters, a line each, the newest first.

The keys are Fernet's: 32 random bytes in base64 (https://cryptography.io/en/latest/fernet/). Its
library takes long to load, so that this does without: a server looks at the file when it starts.
"""

import base64
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from connector.config.secrets import read_secret


class NoKey(ValueError):
    """The key file is missing, unusable, not that of the other hosts, or lacks a value's key."""


def make(path: Path) -> None:
    """Write a new key file of mode 0600. Raises FileExistsError rather than replace one."""
    drafted = _draft(path, [_new()])
    try:
        os.link(drafted, path)  # whole, or not at all
    finally:
        drafted.unlink()


def made(path: Path) -> bool:
    """Make the file if it is not there; return whether it was made now. Raises NoKey."""
    if path.exists():
        return False
    try:
        make(path)
    except FileExistsError:
        return False  # another process was faster
    except OSError as error:
        raise NoKey(f"the key file {path} cannot be made: {error.strerror}") from None
    return True


def keys(path: Path) -> list[str]:
    """Return the keys of a file. Raises NoKey: it cannot be read or holds no usable key."""
    try:
        found = read_secret(path).split()
    except ValueError:
        raise NoKey(
            f"the key file {path} cannot be read; copy it from another host (or, if it is lost for "
            "good, run webex-connector secrets accept)"
        ) from None
    if not found or not all(map(_is_key, found)):
        raise NoKey(f"the key file {path} must hold one key or more, a Fernet key a line")
    return found


def fingerprints(path: Path) -> list[str]:
    """Return what tells each key of a file from any other, and nothing of it. Raises NoKey."""
    return [hashlib.sha256(f"key {key}".encode()).hexdigest()[:16] for key in keys(path)]


def rotate(path: Path) -> int:
    """Put a new key before the others, which still decrypt; return how many there are now.

    Raises NoKey: there is no usable file.
    """
    older = keys(path)
    _draft(path, [_new(), *older]).replace(path)
    return len(older) + 1


def forget(path: Path) -> int:
    """Keep the newest key alone; return how many have gone. Raises NoKey: no usable file."""
    found = keys(path)
    _draft(path, found[:1]).replace(path)
    return len(found) - 1


def _new() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except ValueError:
        return False


def _draft(path: Path, lines: Sequence[str]) -> Path:
    """Write a file beside another, durable and for its owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{key}\n" for key in lines)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
