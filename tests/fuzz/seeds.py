"""What the coverage-guided half begins with: requests in the shapes that real clients send, and the
words of the protocol.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from connector.aci.declared import ASYNCHRONOUS, COMMON, QUEUE_ACTIONS, QUEUE_INFO, STANDARD
from connector.aci.filters import GROUPS, SORTS
from connector.actions.action import Parameter
from connector.actions.registry import BUILT_IN, declared
from tests.aci.serving import Echo
from tests.fuzz.rig import TOKENS

ACTIONS: Mapping[str, tuple[Parameter, ...]] = {
    **{each.name: each.parameters for each in (*STANDARD, QUEUE_INFO)},
    **{each.name: (*each.parameters, *ASYNCHRONOUS) for each in map(declared, BUILT_IN)},
    Echo.name: (*Echo.parameters, *ASYNCHRONOUS),
}
"""What there is, and what it takes."""

CORPUS = Path(__file__).parent / "corpus"
"""Conversations that are replayed in the ordinary suite: past finds, and shapes of clients."""

TIMES = ("2026-11-23 18:30:00", "18:30:00 GMT", "0001-01-01 00:00:00", "9999-12-31 23:59:59 UTC")
VALUES = (
    *("true", "false", "0", "1", "-1", "2147483647", "99999999999999999999", "1e9", "NaN", "0.5"),
    *("*", "Alpha", "Alpha,Beta", "xml", "json", "simplejson", "Synchronize", "Europe/Berlin"),
    *("../../outside/canary", "/etc/passwd", "..%2F..%2Foutside%2Fcanary.txt", "%00", "%C3%A9"),
    *("%ED%A0%80", "%F0%9F%92%A5", "a=b==", "%0D%0ASet-Cookie:x", "&&", "<a>", "]]>", "%EF%BF%BF"),
)
FRAMING = (
    *(
        "GET ",
        "POST ",
        "HEAD ",
        "OPTIONS ",
        "DELETE ",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "\r\n\r\n",
    ),
    *("Host: localhost\r\n", "Host: [::1]:1\r\n", "Host: evil.example\r\n", "Origin: null\r\n"),
    *(
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "\r\n0\r\n\r\n",
    ),
    *("Expect: 100-continue\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "Upgrade: websocket"),
    *(
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "--x\r\n",
        "--x--\r\n",
        "charset=utf-16",
    ),
    *('Content-Disposition: form-data; name="', '"; filename="', "X-Forwarded-For: 127.0.0.1\r\n"),
    *("Idempotency-Key: k\r\n", "Authorization: Bearer wxc_0123456789ab_", "Sec-Fetch-Site: "),
    *("Access-Control-Request-Method: GET\r\n", "Content-Transfer-Encoding: base64", "filename*="),
    *("/livez", "/readyz", "/events?queue=Echo", "/api/", "/metrics", "/healthz", "action=", "a="),
)


def dictionary() -> Iterator[str]:
    """Yield the words."""
    yield from FRAMING
    yield from VALUES
    yield from TIMES
    yield from (*QUEUE_ACTIONS, *GROUPS, *SORTS, *TOKENS.values())
    for name, parameters in ACTIONS.items():
        yield f"action={name}"
        # There is no worker here: who waits for results has all others wait until his time is up.
        yield from (f"&{parameter.name}=" for parameter in parameters if parameter.name != "Sync")
        yield from (word for parameter in parameters for word in parameter.choices)
    yield from (f"&{parameter.name}=" for parameter in COMMON)


def seeds() -> Iterator[bytes]:
    """Yield the conversations of the corpus, and one for each action and each verb."""
    yield from (path.read_bytes() for path in sorted(CORPUS.glob("*.http")))
    for name in (*(each.name for each in STANDARD), "Echo&To=x", "Fetch&FetchAction=Synchronize"):
        yield get(f"/action={name}&ResponseFormat=json")
    for verb in QUEUE_ACTIONS:
        ask = f"/?Action=QueueInfo&QueueName=Echo&QueueAction={verb}"
        yield get(ask)
        yield from (get(f"{ask}&Token={token}") for token in TOKENS.values())
    for name in (parameter.name for parameter in QUEUE_INFO.parameters):
        yield get(
            f"/a=queueinfo&queuename=echo&queueaction=getstatus&{name}={TIMES[0]}".replace(" ", "+")
        )


def get(target: str, headers: str = "") -> bytes:
    """Return a request for a target."""
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
