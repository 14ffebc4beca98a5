"""Answers leave by one call, and in time, and reach a client that is still sending."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from select import select

from starlette.types import Receive, Scope, Send

from connector.aci.protocol import BoundedProtocol, Bounds, bounded
from connector.aci.refusals import Refusals
from tests.aci.serving import DEADLINE, running

UNREADABLE = b"this is no request\r\n\r\n"


async def unasked(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nobody has sent a request")


@contextlib.contextmanager
def refused(port: int) -> Iterator[socket.socket]:
    """Send what cannot be read; yield the connection when the server has answered and closed."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.settimeout(DEADLINE)
        connection.sendall(UNREADABLE)
        assert select([connection], [], [], DEADLINE)[0]
        while not connection.recv(1 << 16, socket.MSG_PEEK).endswith(b"KiB.\n"):
            pass
        yield connection


def test_a_client_that_sends_on_reads_why_it_was_refused() -> None:
    with running(unasked, bounded(Bounds(), Refusals())) as port, refused(port) as connection:
        for _ in range(64):
            connection.sendall(b"x" * (1 << 16))
        with connection.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 400 ")
        connection.sendall(b"x")
        connection.shutdown(socket.SHUT_WR)


def test_a_client_that_sends_more_behind_its_last_request_reads_its_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"told"})

    with running(app, bounded(Bounds(), Refusals())) as port:
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
            connection.settimeout(DEADLINE)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while b"told" not in connection.recv(1 << 16, socket.MSG_PEEK):
                pass
            for _ in range(64):
                connection.sendall(b"x" * (1 << 16))
            with connection.makefile("rb") as answer:
                assert b"told" in answer.read()


def test_a_server_that_ends_does_not_wait_for_such_a_client() -> None:
    with contextlib.ExitStack() as later:
        with running(unasked, bounded(Bounds(), Refusals())) as port:
            later.enter_context(refused(port))
            begun = time.monotonic()
        assert time.monotonic() - begun < DEADLINE / 2


def test_nor_for_one_that_has_begun_a_request() -> None:
    heard = threading.Event()

    class Hearing(BoundedProtocol):
        bounds, refusals = Bounds(), Refusals()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            heard.set()

    with contextlib.ExitStack() as later:
        with running(unasked, Hearing) as port:
            connection = socket.create_connection(("127.0.0.1", port), DEADLINE)
            later.enter_context(connection)
            connection.sendall(b"GET / HTTP/1.1\r\nHost:")
            assert heard.wait(DEADLINE)
            begun = time.monotonic()
        assert time.monotonic() - begun < DEADLINE / 2


def test_a_client_that_says_no_more_is_sent_what_was_written_before_that_was_known() -> None:
    begun, said_all = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        said_all.wait(DEADLINE)  # the loop stands still, and learns of it thereafter
        length = (b"content-length", b"4")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"told"})

    with running(app, bounded(Bounds(), Refusals())) as port:
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert begun.wait(DEADLINE)
            connection.shutdown(socket.SHUT_WR)
            said_all.set()
            with connection.makefile("rb") as answer:
                assert answer.read().endswith(b"told")
