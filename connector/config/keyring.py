"""What encrypts secret parameters before they are stored: the keys of the key file."""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector.config import keyfile
from connector.config.keyfile import NoKey


class Keyring:
    """The keys of one file, newest first: the first encrypts, any decrypts."""

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


def load(path: Path) -> Keyring:
    """Return the keys of a file. Raises NoKey: it cannot be read or holds no usable key."""
    return Keyring(keyfile.keys(path))
