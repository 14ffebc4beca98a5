"""The key file: what encrypts secret parameters before they are stored. Keys are Fernet's.

https://cryptography.io/en/latest/fernet/
"""

import hashlib
import hmac
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class NoKey(ValueError):
    """The key file is missing, unusable, or lacks the key that encrypted a value."""


class Keyring:
    """The keys of one file, a line each, newest first: the first encrypts, any decrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises NoKey: there is no key, or one is malformed."""
        try:
            self._keys = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise NoKey("the key file must hold one key or more, a Fernet key a line") from None
        self._oldest = keys[-1].encode()

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted and authenticated, as ASCII."""
        return self._keys.encrypt(text.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """Return the text again. Raises NoKey: changed on the way, or no key here made it."""
        try:
            return self._keys.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise NoKey("no key of the key file decrypts this") from None

    def digest(self, text: str) -> str:
        """Return what tells two texts apart and nothing of either; the same after a rotation."""
        return hmac.new(self._oldest, text.encode(), hashlib.sha256).hexdigest()


def make(path: Path) -> None:
    """Write a new key file of mode 0600. Raises FileExistsError rather than replace one."""
    drafted = _draft(path, [Fernet.generate_key().decode()])
    try:
        os.link(drafted, path)  # whole, or not at all
    finally:
        drafted.unlink()


def rotate(path: Path) -> int:
    """Put a new key before the others, which still decrypt; return how many there are now.

    Raises NoKey: there is no usable file.
    """
    keys = _keys(path)
    Keyring(keys)
    _draft(path, [Fernet.generate_key().decode(), *keys]).replace(path)
    return len(keys) + 1


def forget(path: Path) -> int:
    """Keep the newest key alone; return how many have gone. Raises NoKey: no usable file."""
    keys = _keys(path)
    Keyring(keys)
    _draft(path, keys[:1]).replace(path)
    return len(keys) - 1


def load(path: Path) -> Keyring:
    """Return the keys of a file. Raises NoKey: it cannot be read or holds no usable key."""
    return Keyring(_keys(path))


def load_or_make(path: Path) -> Keyring:
    """Return the keys of a file, which is made if it is not there. Raises NoKey."""
    if not path.exists():
        try:
            make(path)
        except FileExistsError:
            pass  # another process was faster
        except OSError as error:
            raise NoKey(f"the key file {path} cannot be made: {error.strerror}") from None
    return load(path)


def _keys(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        raise NoKey(f"the key file {path} cannot be read; copy it from another host") from None


def _draft(path: Path, keys: Sequence[str]) -> Path:
    """Write a file beside another, durable and for its owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{key}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
