"""A client over a function, and a client over a real server on loopback."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import httpx2
import pytest

from connector.webex import WebexClient

BASE = "https://webex.test/v1"
TOKEN = "t0ken-of-the-tests"

Answer = Callable[[httpx2.Request], httpx2.Response]


class Fake:
    """Answers requests by a function; remembers the requests and the pauses."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []

    def client(self, *, base: str = BASE, max_retries: int = 5, **more: float) -> WebexClient:
        return WebexClient(
            base,
            TOKEN,
            max_retries=max_retries,
            max_wait=more.get("max_wait", 300.0),
            page_size=int(more.get("page_size", 100)),
            transport=httpx2.MockTransport(self._handle),
            wait=self.pauses.append,
        )

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.answer(request)


MakeFake = Callable[[Answer], Fake]
Replies = Callable[..., Fake]
MakeMessage = Callable[..., dict[str, object]]
MakePage = Callable[..., httpx2.Response]


@pytest.fixture
def fake() -> MakeFake:
    return Fake


@pytest.fixture
def replies() -> Replies:
    """A fake that gives the answers in their order, the last one again and again."""

    def build(*answers: httpx2.Response | Exception) -> Fake:
        queue = list(answers)

        def answer(_: httpx2.Request) -> httpx2.Response:
            following = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(following, Exception):
                raise following
            return following

        return Fake(answer)

    return build


class Handle(Protocol):
    def __call__(self, handler: BaseHTTPRequestHandler) -> None: ...


class Quiet(ThreadingHTTPServer):
    """A client that goes away in the middle is nothing to print."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Server:
    """A real HTTP/1.1 server whose GET is a function; counts connections and requests."""

    def __init__(self, handle: Handle) -> None:
        server = self
        self.connections = 0
        self.requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def do_GET(self) -> None:
                server.requests.append(self.path)
                handle(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def client(self, *, timeout: float = 5.0, max_retries: int = 5) -> WebexClient:
        return WebexClient(
            self.url, TOKEN, timeout=timeout, max_retries=max_retries, wait=lambda seconds: None
        )

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


Serve = Callable[[Handle], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(handle: Handle) -> Server:
        started.append(Server(handle))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def message() -> MakeMessage:
    """The JSON of a message."""

    def build(id: str, **more: object) -> dict[str, object]:
        return {"id": id, "roomId": "R", "created": "2026-01-02T03:04:05.678Z", **more}

    return build


@pytest.fixture
def page(message: MakeMessage) -> MakePage:
    """The answer to GET /messages with these ids, and a next link if there is one."""

    def build(*ids: str, link: str | None = None) -> httpx2.Response:
        headers = {} if link is None else {"link": f'<{link}>; rel="next"'}
        body = json.dumps({"items": [message(id) for id in ids]})
        return httpx2.Response(200, headers=headers, content=body)

    return build
