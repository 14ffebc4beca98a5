"""The HTTP face: an ASGI application that answers ACI requests, and says whether it is well."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connector import board, log
from connector.aci.access import Access
from connector.aci.authorization import Admission
from connector.aci.body import Disconnected, TooLarge, TooSlow, read_body
from connector.aci.dispatch import KEY, Dispatch
from connector.aci.errors import AciError, BadRequest, Code
from connector.aci.formats import FORMATS, Format, format_named
from connector.aci.guard import Guard, admission_of
from connector.aci.keys import KeyRing
from connector.aci.listeners import Listeners
from connector.aci.masking import Masking
from connector.aci.parameters import Parameters
from connector.aci.refusals import Refusals
from connector.aci.reply import Outcome, Reply, error_reply
from connector.aci.request import Limits, Request, parse
from connector.aci.request_log import RequestLog
from connector.aci.templates import Templates
from connector.aci.tree import Tree
from connector.actions.action import Action
from connector.board.metrics import Metric
from connector.config import Settings

_log = log.logger(__name__)

BODY_SECONDS = 30.0
"""How long a client may take to send a body."""

LARGE_BODY = 256 * 1024
"""Bytes from which a body is parsed off the event loop."""

RESERVED = ("/api", "/events", "/metrics")
"""Paths kept for what is to come; they are never taken for an action."""

Find = Callable[[Request, Admission], Awaitable[Reply | Response]]
"""Finds what to answer a request whose sender may do so much; of its own form if a Response."""


@dataclass(frozen=True)
class Heard:
    """A request that was answered: what it asked, of whom it came, how it went, in what time.

    `action` is "" and `parameters` are empty if it could not be read.
    """

    action: str
    parameters: Parameters
    admission: Admission
    outcome: str
    seconds: float


Told = Callable[[Heard], None]


def application(
    settings: Settings,
    access: Access,
    actions: Mapping[str, Action],
    refusals: Refusals | None = None,
    listeners: Listeners | None = None,
) -> Guard:
    """Return the ASGI application, guarded.

    `actions`: the asynchronous ones by name; `refusals`: where to count what is refused;
    `listeners`: who listens to events, for a server that ends their streams when it ends.
    """
    request_log = RequestLog(Masking(actions))
    dispatch = Dispatch(settings, access, actions, request_log)

    def told(heard: Heard) -> None:
        board.count(Metric.REQUESTS, dispatch.known(heard.action), heard.outcome)
        board.observe(Metric.REQUEST_SECONDS, heard.seconds)
        client = heard.admission.caller.ip
        request_log.note(heard.action, heard.parameters, client, heard.seconds, heard.outcome)

    face = Face(settings, dispatch.answer, told)

    async def live(request: HttpRequest) -> Response:
        return PlainTextResponse("live\n")

    async def ready(request: HttpRequest) -> Response:
        try:
            await access.ready()
        except AciError as error:
            return PlainTextResponse(error.description + "\n", 503)
        return PlainTextResponse("ready\n")

    events = listeners or Listeners(settings, access, actions)
    routes = [Route("/livez", live), Route("/readyz", ready), Route("/events", events)]
    paths, app = {route.path for route in routes}, Starlette(routes=routes)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        # Any other path is an action; to look through the routes for each would cost a tenth.
        await (app if scope["path"] in paths else face)(scope, receive, send)

    return Guard(either, settings, KeyRing(access.keys), refusals or Refusals())


class Face:
    """Everything between an HTTP request and its ACI reply, which `find` finds.

    `told` hears of each.
    """

    def __init__(self, settings: Settings, find: Find, told: Told = lambda *_: None) -> None:
        self._find = find
        self._told = told
        self._templates = Templates(settings)
        self._seconds = settings.server.answer_seconds
        self._limits = Limits(settings.server.max_request_line, settings.server.max_body_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an ACI error is an ordinary answer, with status 200."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(RESERVED) and _first(path) in RESERVED:
            response: Response = PlainTextResponse(f"{path[:60]} is reserved\n", 404)
        else:
            try:
                response = await self._answer(scope, receive)
            except Disconnected:
                return
        try:
            await response(scope, receive, send)
        except AciError as error:
            # In the middle of a long answer: the client sees that it is cut off.
            _log.warning("an answer was broken off", error=error.description)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        began = time.perf_counter()
        reply: Reply | Response
        action, parameters, shown, keep = "", Parameters(), FORMATS["xml"], True
        admission = admission_of(scope)
        try:
            request = await self._read(scope, receive)
            action, parameters = request.action, request.parameters
            shown = format_named(parameters.get("ResponseFormat", ""))
            template = await self._templates.chosen(parameters)
            reply = await self._find(request, admission)
            if template is not None and isinstance(reply, Reply):
                until = time.monotonic() + self._seconds - (time.perf_counter() - began)
                reply = await self._templates.applied(template, reply, until)
        except BadRequest as error:
            keep = error.code is not Code.TOO_LARGE
            action = error.action
            reply = _refused(action, error)
        except AciError as error:
            reply = _refused(action, error)
        except Disconnected:
            raise
        except Exception:
            _log.exception("request failed", action=action[:60])
            told = AciError(Code.INTERNAL, "An unexpected error; the server's log tells more.")
            reply = _refused(action, told)
        if isinstance(reply, Reply):
            response, outcome = _rendered(reply, shown, keep), reply.outcome
        else:
            response, outcome = reply, Outcome.SUCCESS
        seconds = time.perf_counter() - began
        self._told(Heard(action, parameters, admission, outcome, seconds))
        return response

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        headers = {name: value for name, value in scope["headers"]}
        content_type = headers.get(b"content-type")
        try:
            body = b""
            if b"content-length" in headers or b"transfer-encoding" in headers:
                body = await read_body(receive, self._limits.body, BODY_SECONDS)
        except TooLarge:
            raise BadRequest(
                f"The body is over {self._limits.body} bytes ([Server] MaxBodySize).",
                code=Code.TOO_LARGE,
            ) from None
        except TooSlow:
            raise BadRequest(
                f"The body did not come within {BODY_SECONDS:g} s.", code=Code.TOO_LARGE
            ) from None
        given = (
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            content_type.decode("latin-1") if content_type is not None else None,
            body,
            self._limits,
        )
        if len(body) > LARGE_BODY:
            request = await asyncio.to_thread(parse, *given)
        else:
            request = parse(*given)
        if (key := headers.get(b"idempotency-key")) is not None:
            pairs = [*request.parameters.items(), (KEY, key.decode("latin-1"))]
            request = replace(request, parameters=Parameters(pairs))
        return request


def _first(path: str) -> str:
    return "/" + path[1:].partition("/")[0]


def _refused(action: str, error: AciError) -> Reply:
    return error_reply(action, error, datetime.now().astimezone())


def _rendered(reply: Reply, shown: Format, keep: bool) -> Response:
    if reply.body is not None:
        return StreamingResponse(reply.body(shown), media_type=shown.media_type)
    if reply.pages is not None:
        content = _sent(reply.action, reply.pages, shown)
        return StreamingResponse(content, media_type=shown.media_type)
    # What was refused before it was read to its end must not be taken for the next request.
    headers = {} if keep else {"connection": "close"}
    return Response(shown.render(reply), media_type=shown.media_type, headers=headers)


async def _sent(
    action: str, pages: AsyncIterator[Sequence[Tree]], shown: Format
) -> AsyncIterator[bytes]:
    before, after = shown.around(action)
    yield before
    between = b""
    async for page in pages:
        if page:
            yield between + await asyncio.to_thread(_joined, page, shown)
            between = shown.separator
    yield after


def _joined(page: Sequence[Tree], shown: Format) -> bytes:
    return shown.separator.join([shown.element(member) for member in page])
