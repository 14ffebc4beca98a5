"""`GET /events?queue=NAME[&token=T]`: tells who listens how a queue or an action stands.

Source: "Server-sent events" in the HTML standard, which says how a client takes and reopens it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector import board
from connector.aci.access import Access
from connector.aci.decoding import target_pairs
from connector.aci.errors import AciError, BadRequest, Code, unknown_token
from connector.aci.feeds import ActionFeeds, Classic, QueueFeeds, Version
from connector.aci.formats import FORMATS, format_named
from connector.aci.guard import admission_of
from connector.aci.parameters import Parameters
from connector.aci.queueinfo import NAME, queue_named
from connector.aci.reply import error_reply
from connector.aci.values import required, token
from connector.aci.watch import Watch, Watched
from connector.actions.action import Action
from connector.board.metrics import Metric
from connector.config import Settings

QUEUE_TICK = 0.5
ACTION_TICK = 0.2
"""Seconds between two questions about queues, and about actions."""

SHARE = 4.0
"""A question about queues takes at most a fifth of the time."""

HEARTBEAT = 15.0
"""Seconds after which a comment is sent where nothing has changed."""

RETRY = 1000
"""Milliseconds after which a client opens a stream anew that has ended."""

LONGEST = 300.0
"""Seconds of one stream: a key that was revoked hears no more after that."""

FAREWELL = 1.0
"""Seconds for the end of a stream."""

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would keep events back until they fill a buffer.
    (b"x-accel-buffering", b"no"),
]

STATUS = {
    Code.QUEUE_UNKNOWN: 404,
    Code.TOKEN_UNKNOWN: 404,
    Code.NOT_PERMITTED: 403,
    Code.TOO_MANY: 503,
    Code.UNAVAILABLE: 503,
    Code.IN_DOUBT: 503,
}
"""HTTP status of errors; of others it is 400."""


class Listeners:
    """ASGI application of the path `/events`, behind the guard. `actions`: those with a queue."""

    def __init__(self, settings: Settings, access: Access, actions: Mapping[str, Action]) -> None:
        self._access = access
        self._most = settings.server.max_listeners
        self._queues_there = list(actions)
        classic: Classic = lambda queue: settings.queue(queue).classic_status  # noqa: E731
        queues, single = QueueFeeds(access, classic), ActionFeeds(access, classic)
        self._queues = Watch(queues.ask, QUEUE_TICK, share=SHARE, at_once=True)
        self._actions = Watch(single.ask, ACTION_TICK, at_once=True)
        self._closing = asyncio.Event()
        self._number = 0
        # A process that was killed may have left another number where this one counts.
        board.put(Metric.LISTENERS, 0)

    def close(self) -> None:
        """End all streams, and refuse new ones; to be called in the event loop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with a stream, or with an ERROR envelope and a status other than 200.

        An EventSource does not try again after such a status.
        """
        if scope["method"] != "GET":
            response = Response("Events are asked for by GET.\n", 405, {"allow": "GET"})
            await response(scope, receive, send)
            return
        parameters = Parameters()
        try:
            parameters = Parameters(target_pairs(scope["query_string"], plus_is_space=True))
            with self._place():
                async with self._chosen(scope, parameters) as stream:
                    await self._tell(stream, receive, send)
        except AciError as error:
            await _refusal(error, parameters)(scope, receive, send)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._closing.is_set():
            raise AciError(Code.UNAVAILABLE, "This server is about to end; try again later.")
        if self._number >= self._most:
            raise AciError(
                Code.TOO_MANY,
                f"{self._most} clients listen already, which is the most ([Server] "
                "MaxListeners); ask by QueueAction=GetStatus with Wait, or try again later.",
            )
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, by: int) -> None:
        self._number += by
        board.put(Metric.LISTENERS, self._number)

    @asynccontextmanager
    async def _chosen(self, scope: Scope, parameters: Parameters) -> AsyncIterator["Stream"]:
        """Find what a client wants to hear of, if it may, and how that stands. Raises AciError."""
        name = "Queue" if "Queue" in parameters else "QueueName"
        named = required(parameters, name, "the name of a queue")
        # What may not be seen is refused before it is said whether it is there.
        admission_of(scope).require(NAME, asynchronous=False, queue=named)
        queue = queue_named(named, self._queues_there, name)
        watch, key = self._queues, queue
        if parameters.get("Token"):
            watch, key = self._actions, token(parameters["Token"])
            job = await self._access.job(key)
            if job is None or job.queue != queue:
                raise unknown_token(key, queue)
        with watch.on(key) as watched:
            try:
                first = await watched.until(lambda version: True, self._access.patience)
            except TimeoutError:
                raise AciError(Code.UNAVAILABLE, "The database did not answer.") from None
            if first is None:
                raise unknown_token(key, queue)
            yield Stream(watched, first)

    async def _tell(self, stream: "Stream", receive: Receive, send: Send) -> None:
        """Tell a client until it goes, the stream has lasted long, or this server ends."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        ends = [stream.send(send), _disconnected(receive), self._closing.wait()]
        tasks = [asyncio.ensure_future(end) for end in ends]
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(tasks, timeout=LONGEST, return_when=first)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await send({"type": "http.response.body", "body": b""})


class Stream:
    """What one client hears. `first`: the version that it begins with."""

    def __init__(self, watched: Watched[Version], first: Version) -> None:
        self._watched = watched
        self._first = first

    async def send(self, send: Send) -> None:
        """Send each version that there is when the one before is sent, until there is none."""
        version, heard = self._first, 0
        await _send(send, f"retry: {RETRY}\n\n".encode())
        while True:
            await _send(send, version.after(heard))
            heard = version.number
            newest = await self._next(send, heard)
            if newest is None:
                return
            version = newest

    async def _next(self, send: Send, heard: int) -> Version | None:
        while True:
            try:
                return await self._watched.until(
                    lambda version: version is None or version.number != heard, HEARTBEAT
                )
            except TimeoutError:
                await _send(send, b": still here\n\n")


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(error: AciError, parameters: Parameters) -> Response:
    shown = FORMATS["xml"]
    with suppress(AciError):
        shown = format_named(parameters.get("ResponseFormat", ""))
    status = 400 if isinstance(error, BadRequest) else STATUS.get(error.code, 400)
    reply = error_reply("EVENTS", error, datetime.now().astimezone())
    return Response(shown.render(reply), status, media_type=shown.media_type)
