"""Servers for the client: a real one that fetches, one that answers by rote, one that loses."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl

import httpx2
import pytest

from connector.client import Client
from connector.sandbox.process import SandboxProcess
from tests.commands import SECONDS, Program, Serving, migrated

ENVELOPE = "<autnresponse><action>X</action><response>{}</response>{}</autnresponse>"


@dataclass
class Rote:
    """A server that gives prepared answers in turn, the last for ever, and keeps what it was sent.

    An answer is (HTTP status, body); None closes the connection unanswered, and `hang` waits until
    the client has gone.
    """

    url: str = ""
    answers: list[tuple[int, str] | str | None] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)

    def success(self, data: str) -> None:
        """Prepare an answer with this content of `responsedata`."""
        inner = f"<responsedata>{data}</responsedata>"
        self.answers.append((200, ENVELOPE.format("SUCCESS", inner)))

    def error(self, status: int = 200, **fields: str) -> None:
        """Prepare an error envelope with these fields."""
        inner = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
        inner = f"<responsedata><error>{inner}</error></responsedata>"
        self.answers.append((status, ENVELOPE.format("ERROR", inner)))

    def answer(self, connection: socket.socket) -> None:
        """Read one request and answer it."""
        with connection, connection.makefile("rb") as stream:
            if not stream.readline():
                return
            lines = iter(lambda: stream.readline().decode().strip(), "")
            head = {name.lower(): text for name, _, text in (x.partition(": ") for x in lines)}
            self.heads.append(head)
            body = stream.read(int(head.get("content-length", 0))).decode()
            self.sent.append(dict(parse_qsl(body)))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, tuple):
                status, text = answer
                told = f"HTTP/1.1 {status} X\r\ncontent-length: {len(text.encode())}\r\n"
                connection.sendall(f"{told}connection: close\r\n\r\n{text}".encode())
            elif answer == "hang":
                stream.read()


@pytest.fixture
def rote() -> Iterator[Rote]:
    listener = socket.create_server(("127.0.0.1", 0))
    made = Rote(f"http://127.0.0.1:{listener.getsockname()[1]}/")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                made.answer(listener.accept()[0])

    thread = threading.Thread(target=serve)
    thread.start()
    yield made
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with a migrated database."""
    return migrated(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def fetching(program: Program) -> Iterator[Serving]:
    """A real server with one fetch task, whose queue has been served once."""
    with SandboxProcess(rooms=2, messages=12) as sandbox:
        settings = {
            "FETCHTASKS_0": "DEMO",
            "WEBEX_BASEURL": sandbox.base_url,
            "WEBEX_ACCESSTOKEN": sandbox.token,
        }
        with program.running("serve", **settings) as running:
            with Client(running.url) as client:
                token = client.submit("Fetch", {"FetchAction": "Synchronize"})
                assert client.wait("Fetch", token, timeout=SECONDS).finished
            yield running


@contextlib.contextmanager
def _losing(target: str) -> Iterator[str]:
    """Serve what `target` serves, but the first answer never arrives. Yields the address."""

    class Losing(BaseHTTPRequestHandler):
        lost: ClassVar[list[str]] = []

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kept = ("content-type", "idempotency-key")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            url = target.rstrip("/") + self.path
            reply = httpx2.request(
                self.command, url, content=body, headers=headers, trust_env=False
            )
            self.close_connection = True
            if not self.lost:
                self.lost.append(reply.text)
                return
            self.send_response(reply.status_code)
            self.send_header("content-type", reply.headers["content-type"])
            self.send_header("content-length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = handle_request

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Losing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
        assert Losing.lost and "<token>" in Losing.lost[0] or '"token"' in Losing.lost[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def losing() -> Callable[[str], AbstractContextManager[str]]:
    return _losing
