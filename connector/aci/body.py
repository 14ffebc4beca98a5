"""Reading the body of a request: bounded in size and time."""

import asyncio

from starlette.types import Receive

DRAINED = 4
"""A body that is too large is read on, unkept, up to so many times the limit: a client that writes
before it reads would otherwise lose the answer to a reset connection."""


class TooLarge(Exception):
    """The body is larger than allowed."""


class TooSlow(Exception):
    """The body did not come in whole in time."""


class Disconnected(Exception):
    """The client is gone; nobody waits for an answer."""


async def read_body(receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the whole body, of `limit` bytes at most.

    Raises TooLarge, TooSlow when it is not there after `seconds`, Disconnected.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                part: bytes = message.get("body", b"")
                size += len(part)
                if size <= limit:
                    parts.append(part)
                else:
                    parts.clear()
                if not message.get("more_body", False) or size > DRAINED * limit:
                    break
    except TimeoutError:
        if size > limit:
            raise TooLarge from None
        raise TooSlow from None
    if size > limit:
        raise TooLarge
    return b"".join(parts)
