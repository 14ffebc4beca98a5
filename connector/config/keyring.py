"""The key file: what encrypts secret values before they are stored. Keys are Fernet's."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class NoKey(ValueError):
    """The key file is missing, unusable, or lacks the key that encrypted a value."""


class Keyring:
    """The keys of one file, a line each, newest first: the first encrypts, any decrypts."""

    def __init__(self, keys: list[str]) -> None:
        """Raises NoKey: there is no key, or one is malformed."""
        try:
            self._keys = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise NoKey("the key file must hold one key or more, a Fernet key a line") from None

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted and authenticated, as ASCII."""
        return self._keys.encrypt(text.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """Return the text again. Raises NoKey: changed on the way, or no key here made it."""
        try:
            return self._keys.decrypt(sealed).decode()
        except InvalidToken:
            raise NoKey(
                "no key of the key file decrypts this; use the same file everywhere"
            ) from None


def make(path: Path) -> None:
    """Write a new key file of mode 0600. Raises FileExistsError rather than replace one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def load(path: Path) -> Keyring:
    """Return the keys of a file. Raises NoKey: it cannot be read or holds no usable key."""
    try:
        return Keyring(path.read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        raise NoKey(f"the key file {path} cannot be read; copy it from another host") from None
