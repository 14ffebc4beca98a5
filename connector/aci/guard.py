"""What stands before the application: nothing reaches it that may not.

In this order: the host and origin that a request names, who sends it, how much of that client's is
under way. What a client may do with an action is asked later, when the action is known.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.aci import keys
from connector.aci.authorization import Admission, Authorization, Caller
from connector.aci.body import Disconnected, TooLarge, TooSlow, read_body
from connector.aci.errors import AciError, BadRequest
from connector.aci.formats import FORMATS, format_named, format_or_xml
from connector.aci.keys import KeyRing
from connector.aci.origin import Lines, Origins, is_preflight
from connector.aci.peer import Headers, Peer, headers_of, peer_of
from connector.aci.permissions import PATHS, WIDE
from connector.aci.refusals import Reason, Refusals, Refused
from connector.aci.reply import error_reply
from connector.aci.request import Limits, parse
from connector.config import Settings
from connector.config.peers import networks

FORBIDDEN = 403
"""HTTP status of a refusal where no action is asked for; actions are answered with 200."""


DRAINED_BODY = 64 * 1024
DRAIN_SECONDS = 2.0
"""How much of a refused request's body is read on, and for how long."""


class Guard:
    """ASGI middleware. `service`: whether this is the service port; `refusals`: what it counts.

    `named`: the real name of an action as sent, which errors tell.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        ring: KeyRing,
        refusals: Refusals,
        *,
        service: bool = False,
        named: Callable[[str], str] = str,
    ) -> None:
        self.refusals = refusals
        self._named = named
        self._app = app
        self._ring = ring
        self._service = service
        self._origins = Origins(settings)
        self._authorization = Authorization(settings)
        self._trusted = networks(settings.server.trusted_proxies)
        self._most = settings.server.max_requests_per_client
        self.under_way: Counter[str] = Counter()
        """How many requests of each client are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application do so."""
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        peer = peer_of(scope, headers, self._trusted)
        try:
            self._check_origin(scope, headers, peer)
            if is_preflight(scope["method"], headers):
                await _answer(204, self._origins.preflight(headers), scope, receive, send)
                return
            caller = await self._caller(peer, headers)
            admission = Admission(caller, self.refusals, self._service)
            _check_path(scope, admission)
            self._begin(admission)
        except AciError as error:
            await _refuse(self._refusal(error, scope, headers), scope, receive, send)
            return
        try:
            scope.setdefault("state", {})["admission"] = admission
            await self._app(scope, receive, _with(self._origins.allowed(headers), send))
        finally:
            self._end(caller)

    def _check_origin(self, scope: Scope, headers: Headers, peer: Peer) -> None:
        if host := self._origins.foreign_host(headers):
            raise self._refused(
                Reason.HOST,
                peer,
                f"This server does not answer for the host {host[:100]!r}; ask for it by its "
                "address or name, or add the name to [Server] HostNames.",
            )
        by_proxy = peer.by_proxy
        if origin := self._origins.foreign_origin(scope["scheme"], headers, by_proxy=by_proxy):
            raise self._refused(
                Reason.ORIGIN,
                peer,
                f"A web page of another origin ({origin[:100]!r}) may not send this, unless "
                "[Service] Access-Control-Allow-Origin names the origin.",
            )

    async def _caller(self, peer: Peer, headers: Headers) -> Caller:
        presented = keys.presented(headers)
        if presented is None:
            return self._authorization.by_peer(peer)
        key = await self._ring.find(presented)
        if key is None:
            told = "The API key is unknown, revoked or expired; ask for another one, or send none."
            raise self._refused(Reason.KEY, peer, told)
        return self._authorization.by_key(peer, key)

    def _refused(self, reason: Reason, peer: Peer, told: str) -> Refused:
        self.refusals.note(reason, peer.shown, told)
        return Refused(reason, told)

    def _refusal(self, error: AciError, scope: Scope, headers: Headers) -> Response:
        """Return the ERROR envelope, and the format asked for if that can be read."""
        action, shown = "", FORMATS["xml"]
        try:
            target = (scope["method"], scope["raw_path"], scope["query_string"])
            request = parse(*target, None, b"", Limits())
            action = request.action
            shown = format_named(request.parameters.get("ResponseFormat", ""))
        except BadRequest as unread:
            action, shown = unread.action, format_or_xml(unread.form)
        except AciError:
            pass
        reply = error_reply(self._named(action), error, datetime.now().astimezone())
        response = Response(shown.render(reply), _status(scope), media_type=shown.media_type)
        response.raw_headers.extend(self._origins.allowed(headers))
        return response

    def _begin(self, admission: Admission) -> None:
        client = admission.caller.name
        if self.under_way[client] >= self._most:
            raise admission.refused(
                Reason.REQUESTS,
                f"This client has {self._most} requests under way, which is the most "
                "([Server] MaxRequestsPerClient); wait for answers before you send more.",
            )
        self.under_way[client] += 1

    def _end(self, caller: Caller) -> None:
        self.under_way[caller.name] -= 1
        if not self.under_way[caller.name]:
            del self.under_way[caller.name]


def admission_of(scope: Scope) -> Admission:
    """Return who was let in with this request."""
    found: Admission = scope["state"]["admission"]
    return found


def _check_path(scope: Scope, admission: Admission) -> None:
    """Refuse whoever has no role at all, before a body is read, or not the one of a path."""
    name = _first_part(scope["path"])
    wanted = PATHS.get(name)
    caller = admission.caller
    if name in PATHS and (wanted is None or caller.has(wanted, everywhere=wanted in WIDE)):
        return
    if name not in PATHS and caller.grants:
        return
    role = f"the role {wanted}" if wanted else "a role"
    told = f"This wants {role}, which {caller.name} does not have"
    if wanted is not None and caller.has(wanted):
        told += " for every queue"
    told += "; [AuthorizationRoles] or an API key gives it."
    raise admission.refused(Reason.ROLE, told)


def _first_part(path: str) -> str:
    return "/" + path.lstrip("/").partition("/")[0]


def _with(lines: Lines, send: Send) -> Send:
    async def with_lines(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *lines]}
        await send(message)

    return with_lines if lines else send


def _status(scope: Scope) -> int:
    is_action = _first_part(scope["path"]) not in PATHS and scope["method"] != "OPTIONS"
    return 200 if is_action else FORBIDDEN


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whose body, if it has one, is not wanted."""
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        # What is left of the body must not be taken for the next request; and a client that
        # writes before it reads would lose the answer to a reset connection.
        response.headers["connection"] = "close"
        try:
            await read_body(receive, DRAINED_BODY, DRAIN_SECONDS)
        except (TooLarge, TooSlow):
            pass
        except Disconnected:
            return
    await response(scope, receive, send)


async def _answer(status: int, lines: Lines, scope: Scope, receive: Receive, send: Send) -> None:
    response = Response(status_code=status)
    response.raw_headers.extend(lines)
    await response(scope, receive, send)
