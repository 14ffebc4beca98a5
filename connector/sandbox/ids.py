"""Identifiers in the form of Webex, made from an index and turned back into it.

Nothing is stored: the last 48 bits of the UUID carry the scrambled index, the first 80 a keyed
hash of it, so that an identifier of another seed, or a mistyped one, is recognised as unknown.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

_MASK = (1 << 48) - 1
_FACTOR = 0x5DEECE66D  # odd, hence invertible modulo 2**48
_INVERSE = pow(_FACTOR, -1, 1 << 48)


class Ids:
    """Identifiers of one seed: URL-safe base64, unpadded, of ``ciscospark://us/<KIND>/<uuid>``.

    The form is that of the Webex API's own identifiers, which clients take as opaque.
    """

    def __init__(self, seed: int) -> None:
        self._key = b"%d" % seed
        self._offset = int.from_bytes(blake2b(self._key, digest_size=6).digest(), "big")

    def encode(self, kind: str, index: int) -> str:
        """The identifier of the ``index``-th (from 0, below 2**48) thing of a kind ("ROOM")."""
        uri = f"ciscospark://us/{kind}/{self._uuid(kind, index)}"
        return urlsafe_b64encode(uri.encode()).rstrip(b"=").decode()

    def decode(self, kind: str, identifier: str) -> int | None:
        """The index behind an identifier, or None if it is none of this kind and seed."""
        try:
            padded = identifier.encode("ascii") + b"=" * (-len(identifier) % 4)
            node = int(urlsafe_b64decode(padded)[-12:], 16)
        except ValueError:
            return None
        index = ((node - self._offset) * _INVERSE) & _MASK
        return index if self.encode(kind, index) == identifier else None

    def digest(self, kind: str, index: int) -> bytes:
        """32 bytes to choose by, the same for the same seed, kind and index."""
        return blake2b(f"{kind}{index}".encode(), key=self._key, digest_size=32).digest()

    def _uuid(self, kind: str, index: int) -> str:
        digest = bytearray(self.digest(kind, index)[:10])
        digest[6] = digest[6] & 0x0F | 0x40  # version and variant of a random UUID (RFC 9562)
        digest[8] = digest[8] & 0x3F | 0x80
        node = (index * _FACTOR + self._offset) & _MASK
        text = digest.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:]}-{node:012x}"
