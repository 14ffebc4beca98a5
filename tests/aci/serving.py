"""The HTTP face on a real socket and a real database, in a thread of the test's process."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import httpx2
import uvicorn
from starlette.types import ASGIApp

from connector.aci.access import Access
from connector.aci.app import application
from connector.aci.protocol import BoundedProtocol, Bounds, bounded
from connector.aci.refusals import Refusals
from connector.aci.tls import Certificates
from connector.actions import registry
from connector.actions.action import Context, Finished, Outcome, Parameter
from connector.config import Settings, load
from connector.db.engine import Database

DEADLINE = 10.0


class Echo:
    """An action with a parameter of each kind."""

    name: ClassVar[str] = "Echo"
    help: ClassVar[str] = "Says what it was told."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Word", "What to say."),
        Parameter("Times", "How often.", kind="integer", default=1),
        Parameter("Loud", "Whether to shout.", kind="boolean", default=False),
        Parameter("Tone", "How to say it.", kind="choice", choices=("Calm", "Angry")),
        Parameter("To", "Whom to tell.", required=True),
        Parameter("Pin", "What nobody else may know.", secret=True),
    )
    pausable: ClassVar[bool] = False

    def run(self, context: Context) -> Outcome:
        return Finished(dict(context.parameters))


@dataclass(frozen=True)
class Face:
    """A running face: where it is, and its database."""

    port: int
    database: Database
    client: httpx2.Client
    refusals: Refusals
    certificates: Certificates | None = None

    def get(self, target: str) -> ET.Element:
        reply = self.client.get(target)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/xml; charset=utf-8"
        return ET.fromstring(reply.content)

    def error(self, target: str) -> dict[str, str]:
        """Return the six fields of an ERROR envelope."""
        root = self.get(target)
        assert [child.tag for child in root] == ["action", "response", "responsedata"]
        assert root.findtext("response") == "ERROR"
        return {x.tag: x.text or "" for x in root.findall("responsedata/error/*")}

    def token(self, target: str = "/action=Echo&To=you") -> str:
        text = self.get(target).findtext("responsedata/token")
        assert text
        return text

    def action(self, token: str) -> ET.Element:
        found = self.get(f"/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus&Token={token}")
        (action,) = found.findall("responsedata/actions/action")
        return action

    def raw(self, sent: bytes, *, then_end: bool = False) -> bytes:
        """Send bytes and return all that comes back until the server closes, or one answer."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            connection.settimeout(DEADLINE)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(sent)
            if then_end:
                connection.shutdown(socket.SHUT_WR)
            return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    got = b""
    while True:
        head, end, body = got.partition(b"\r\n\r\n")
        if end:
            lengths = [x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")]
            if lengths and len(body) >= int(lengths[0].partition(b":")[2]):
                return got
        try:
            more = connection.recv(1 << 16)
        except ConnectionResetError:
            return got
        if not more:
            return got
        got += more


def settings(url: str, **environment: str) -> Settings:
    given: Mapping[str, str] = {"CONNECTOR_DATABASE_URL": url, **environment}
    return load(None, given, {}, ("Echo", *registry.BUILT_IN)).settings


@contextlib.contextmanager
def facing(
    url: str,
    database: Database | None = None,
    actions: Any = None,
    verify: ssl.SSLContext | bool = True,
    **environment: str,
) -> Iterator[Face]:
    """Serve on a free port; `database` replaces the one that the face would open itself."""
    chosen = settings(url, **environment)
    used = database or Database(url, application="face", pool_size=4)
    access = Access(used, chosen)
    refusals = Refusals()
    certificates = Certificates(chosen.ssl) if chosen.ssl.ssl_certificate else None
    app = application(chosen, access, actions or {"Echo": Echo()}, refusals)
    protocol = bounded(Bounds.of(chosen.server), refusals)
    context = certificates.context if certificates else None
    base = "https" if certificates else "http"
    try:
        with (
            running(app, protocol, context) as port,
            httpx2.Client(
                base_url=f"{base}://127.0.0.1:{port}",
                trust_env=False,
                timeout=DEADLINE,
                verify=verify,
            ) as client,
        ):
            yield Face(port, used, client, refusals, certificates)
    finally:
        access.close()


def facing_built_in(url: str, **environment: str) -> contextlib.AbstractContextManager[Face]:
    """Serve the actions that come with the server, with one fetch task; nothing runs them."""

    def unused(kind: str = "slot") -> Database:
        raise AssertionError("nothing is run")

    environment = {"CONNECTOR_FETCHTASKS_0": "ONE", **environment}
    actions = registry.actions(settings(url, **environment), unused)
    return facing(url, None, actions, True, **environment)


@contextlib.contextmanager
def running(
    app: ASGIApp, protocol: type[BoundedProtocol], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve an application in a thread, and yield its port."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ssl_context_factory=(lambda config, usual: context) if context else None,
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
    )
    server = uvicorn.Server(config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        listener.close()
        assert not thread.is_alive()
