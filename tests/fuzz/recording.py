"""What reaches the application and what it answers, as it passes by."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAM = b"text/event-stream"


@dataclass
class Seen:
    """One request as the server read it, and the answer as the application gave it."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False
    """Whether all of the body was there, as far as the application wanted it."""
    waits: bool = False
    """Whether the application waits for more of the body."""
    status: int = 0
    content_type: bytes = b""
    content: bytearray = field(default_factory=bytearray)
    complete: bool = False
    """Whether the answer is."""
    ended: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether the answer has no end."""
        return self.content_type.startswith(STREAM)


class Recorder:
    """An ASGI application around another one. `tokens`: those that were answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.seen: list[Seen] = []
        self.tokens: set[str] = set()
        self.moved: Callable[[], None] = lambda: None
        """Called whenever something has happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer."""
        seen = Seen(
            scope["method"],
            scope["path"],
            scope["raw_path"],
            scope["query_string"],
            list(scope["headers"]),
        )
        self.seen.append(seen)

        async def received() -> Message:
            seen.waits = True
            self.moved()
            message = await receive()
            seen.waits = False
            seen.body += message.get("body", b"")
            seen.whole = message["type"] == "http.request" and not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.content_type = dict(message["headers"]).get(b"content-type", b"")
            else:
                seen.content += message.get("body", b"")
                seen.complete = not message.get("more_body", False)
            self.moved()

        try:
            await self.app(scope, received, sent)
        finally:
            seen.ended = True
            self.moved()

    def take(self) -> list[Seen]:
        """Return what was seen since the last time."""
        seen, self.seen = self.seen, []
        return seen


class Movement:
    """Lets the event loop wait until something has happened."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self) -> None:
        """Say that something has."""
        self._event.set()

    async def until(self, test: Callable[[], bool], seconds: float) -> bool:
        """Wait until a test is passed; return whether it was in time."""
        try:
            async with asyncio.timeout(seconds):
                while not test():
                    self._event.clear()
                    await self._event.wait()
        except TimeoutError:
            return False
        return True
