"""Conversations made by a grammar: every action and parameter there is, with values of every kind,
in every form that a request can have, framed rightly or wrongly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from connector.aci.declared import COMMON, QUEUE_ACTIONS
from tests.fuzz.rig import TEMPLATE, TOKENS
from tests.fuzz.seeds import ACTIONS, TIMES, VALUES

SENT = "sent-secret-5c1e7a90d2"
"""A secret that is only ever sent where the server knows it for one."""

LOG = b"GET /action=GetRequestLog HTTP/1.1\r\nHost: localhost\r\n\r\n"
OFTEN = (1, 1, 1, 1, 1, 2, 3, 40, 700)
"""How many times a request may be sent in a row."""

Pairs = list[tuple[str, str]]

NAMES = {
    action: tuple(parameter.name for parameter in (*parameters, *COMMON))
    for action, parameters in ACTIONS.items()
}
CASES: tuple[Callable[[str], str], ...] = (str, str.upper, str.lower)
_HEADERS = (
    *(
        "Host: localhost",
        "Host: 127.0.0.1:7023",
        "Host: evil.example",
        "Host: ",
        "Host: [::1",
        "X: y",
    ),
    *("Origin: http://localhost", "Origin: null", "Origin: http://[", "Sec-Fetch-Site: cross-site"),
    *("X-Forwarded-For: 10.0.0.1", "Forwarded: for=_x", "Authorization: Bearer ", "Expect: x"),
    *("Authorization: Bearer wxc_0123456789ab_AAAA", "Authorization: Bearer \xff", "Via: 1.1 a"),
    *("Expect: 100-continue", "Connection: keep-alive", "Connection: close", "Idempotency-Key: k"),
    *("Connection: Upgrade\r\nUpgrade: h2c", "Connection: upgrade\r\nUpgrade: websocket"),
    *(
        "Idempotency-Key: \xe9",
        "Content-Type: text/plain; charset=utf-16",
        "Content-Encoding: gzip",
    ),
    *("Content-Type: application/x-www-form-urlencoded", "Accept: */*", "Range: bytes=0-1"),
    *("Access-Control-Request-Method: GET", "Access-Control-Request-Headers: a, \xff, x-y"),
    *(
        "Content-Type: multipart/form-data",
        "Content-Type: multipart/mixed; boundary=",
        "Cookie: a=b",
    ),
)
_PATHS = (
    "/livez",
    "/readyz",
    "/events",
    "/api/x",
    "/metrics",
    "/healthz/queues",
    "//",
    "/%2e%2e/",
    "*",
)
_METHODS = ("GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PRI")


@dataclass(frozen=True)
class Form:
    """How one request is written. `wrong`: bytes by which its length is told wrongly."""

    method: str
    where: str
    chunks: int
    wrong: int
    version: str


def odd() -> st.SearchStrategy[str]:
    """Texts that some code may not expect."""
    whole = st.integers(-(10**20), 10**20).map(str)
    known = st.sampled_from([*VALUES, *TIMES, *TOKENS.values(), TEMPLATE, *QUEUE_ACTIONS, *ACTIONS])
    clock = st.datetimes().map(lambda moment: moment.isoformat(" "))
    zoned = st.tuples(clock, st.sampled_from([" GMT", "+23:59", "-12:00", " Etc/GMT+12", " Q/x"]))
    return st.one_of(st.text(max_size=40), whole, known, clock, zoned.map("".join))


def a_pair(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, str]]:
    """A parameter with a value, which one action declares, or which none does."""
    name = st.one_of(st.sampled_from(names), st.sampled_from(names), st.text(max_size=8))
    cased = st.tuples(name, st.sampled_from(CASES)).map(lambda x: x[1](x[0]))
    return st.tuples(cased, odd())


@st.composite
def an_action(draw: st.DrawFn, secret: bool) -> Pairs:
    """The pairs of one request, of which some are what the action needs."""
    name = (
        "Echo"
        if secret
        else draw(st.sampled_from([*ACTIONS, "QueueInfo", "Echo", "Encrypted", ""]))
    )
    pairs: Pairs = [("Action", name)]
    if name == "QueueInfo":
        pairs.append(("QueueName", draw(st.sampled_from(["Echo", "Fetch", "echo", "nope"]))))
        pairs.append(("QueueAction", draw(st.sampled_from([*QUEUE_ACTIONS, "x"]))))
        if draw(st.booleans()):
            pairs.append(("Token", draw(st.sampled_from(list(TOKENS.values())))))
    elif name == "Echo" and draw(st.booleans()):
        pairs.append(("To", draw(odd())))
    if secret:
        pairs.append((draw(st.sampled_from(["Pin", "pin", "Password", "API-Key"])), SENT))
    return pairs + draw(st.lists(a_pair(NAMES.get(name, ("a",))), max_size=5))


def a_form(secret: bool) -> st.SearchStrategy[Form]:
    """A way to write a request; one with a secret is framed rightly."""
    return st.builds(
        Form,
        st.sampled_from(_METHODS[:5] if secret else _METHODS),
        st.sampled_from(["path", "query", "body", "body", "multipart", "both"]),
        st.integers(0, 3),
        st.just(0) if secret else st.sampled_from([0, 0, 0, 0, 0, 1, -1, 5]),
        st.sampled_from(["1.1", "1.1", "1.1", "1.1", "1.0"]),
    )


@st.composite
def a_request(draw: st.DrawFn, secret: bool) -> bytes:
    """One request."""
    pairs, form = draw(an_action(secret)), draw(a_form(secret))
    escape: Callable[[str], str] = quote_plus
    if form.where == "path" or draw(st.booleans()):
        escape = quote
    if draw(st.integers(0, 9)) == 0 and not secret:
        escape = str  # as clients do that escape nothing
    joined = "&".join(f"{escape(name)}={escape(value)}" for name, value in pairs)
    headers = [draw(st.sampled_from(_HEADERS)) for _ in range(draw(st.integers(0, 2)))]
    if not any(header.startswith("Host") for header in headers):
        headers.append("Host: localhost")
    target, body = "/", b""
    match form.where:
        case "path":
            target += joined
        case "query":
            target += f"?{joined}"
        case "both":
            first, _, rest = joined.partition("&")
            target, body = f"/{first}", rest.encode("utf-8", "replace")
        case "body":
            body = joined.encode("utf-8", "replace")
        case "multipart":
            body = _parts(pairs)
            headers = [x for x in headers if not x.startswith("Content-Type")]
            headers.append("Content-Type: multipart/form-data; boundary=x")
    if not secret and draw(st.integers(0, 9)) == 0:
        target = draw(st.sampled_from(_PATHS)) + draw(
            st.sampled_from(["", "?queue=Echo", f"?{joined}"])
        )
    line = f"{form.method} {target} HTTP/{form.version}".encode("utf-8", "replace")
    head = b"\r\n".join([line, *(each.encode("latin-1") for each in headers)])
    return head + b"\r\n" + _framed(body, form)


@st.composite
def a_conversation(draw: st.DrawFn) -> bytes:
    """What one client sends on one connection."""
    secret = draw(st.booleans())
    said = b""
    for _ in range(draw(st.integers(1, 4))):
        request = draw(a_request(secret))
        # Who waits for results waits long: there is no worker.
        once = b"sync" in request.lower() and b"synchronize" not in request.lower()
        said += request * (1 if once else draw(st.sampled_from(OFTEN)))
    if secret:
        return said + LOG
    return said + draw(
        st.sampled_from([b"", b"", b"", b"GET", b"\r\n", b"\x16\x03\x01", b"Q / x\r\n\r\n"])
    )


def _parts(pairs: Pairs) -> bytes:
    told = b""
    for name, value in pairs:
        quoted = name.replace('"', "%22").replace("\r", "").replace("\n", "")
        told += f'--x\r\nContent-Disposition: form-data; name="{quoted}"\r\n\r\n{value}\r\n'.encode(
            "utf-8", "replace"
        )
    return told + b"--x--\r\n"


def _framed(body: bytes, form: Form) -> bytes:
    """Return the end of the head, and the body."""
    if not body:
        return b"\r\n"
    if not form.chunks:
        return b"Content-Length: %d\r\n\r\n" % max(0, len(body) + form.wrong) + body
    size = max(1, len(body) // form.chunks)
    cut = [body[i : i + size] for i in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (max(0, len(x) + form.wrong), x) for x in cut)
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
