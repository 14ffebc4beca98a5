"""API keys of requests: which stored key, if any, a request carries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from connector.aci.errors import AciError
from connector.aci.peer import Headers
from connector.db.api_keys import ApiKey, matches, public_part

FRESH = 1.0
"""Seconds for which the keys that were read are taken as they are: so fast is a revocation."""

STALE = 60.0
"""Seconds for which they are taken while the database is away."""

Read = Callable[[], Awaitable[Mapping[str, ApiKey]]]
"""Reads the keys that are accepted now, by their public part. Raises AciError."""


class KeyRing:
    """The keys that are accepted, read anew when they are asked for and old."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._keys: Mapping[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def find(self, presented: str) -> ApiKey | None:
        """Return the stored key that this is, or None. Raises AciError if none can be read."""
        identity = public_part(presented)
        if identity is None:
            return None
        if time.monotonic() - self._read_at > FRESH:
            await self._refresh()
        stored = self._keys.get(identity)
        return stored if stored is not None and matches(stored, presented) else None

    async def _refresh(self) -> None:
        """Read the keys; whoever waits for that meanwhile waits for the same."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._load())
        try:
            await asyncio.shield(self._reading)
        except AciError:
            if time.monotonic() - self._read_at > STALE:
                raise

    async def _load(self) -> None:
        asked = time.monotonic()
        self._keys = await self._read()
        self._read_at = asked


def presented(headers: Headers) -> str | None:
    """Return the key that a request carries as `Authorization: Bearer`, or None."""
    for value in headers.get(b"authorization", ()):
        scheme, _, key = value.decode("latin-1").strip().partition(" ")
        if scheme.casefold() == "bearer":
            return key.strip()
    return None
