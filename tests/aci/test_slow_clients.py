"""Clients that are slow, large or many hold nothing for long."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select

import pytest
from starlette.types import Receive, Scope, Send

from connector.aci.protocol import Bounds, bounded
from connector.aci.refusals import Refusals
from tests.aci.serving import DEADLINE, Face, facing, running
from tests.conftest import fresh_url

Serve = Callable[..., contextlib.AbstractContextManager[Face]]


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    """Serves with settings of a test's own, over SQLite."""
    url = fresh_url("sqlite", request, tmp_path, migrated=True)
    return lambda **environment: facing(url, **environment)


@contextlib.contextmanager
def connected(face: Face) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", face.port), DEADLINE) as connection:
        connection.settimeout(DEADLINE)
        yield connection


def is_closed(connection: socket.socket) -> bool:
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(1 << 16):
            pass
    return True


def test_half_a_head_does_not_hold_a_connection(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_HEADERSECONDS="0.1") as face:
        assert face.raw(b"GET /action=GetPid HTTP/1.1\r\nHost:") == b""
        assert face.refusals.counts()["head"] == 1
        assert face.token()


def test_a_connection_on_which_nothing_comes_is_closed_and_no_offence(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_HEADERSECONDS="0.1") as face, connected(face) as connection:
        assert is_closed(connection)
        assert face.refusals.counts()["head"] == 0


def test_a_head_over_the_limit_is_refused_and_counted(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_MAXHEADERSIZE="8 KiB") as face:
        got = face.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 9000 + b"\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 400")
        assert b"within 8 KiB" in got
        assert face.refusals.counts()["head"] == 1


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

ENDLESS = {
    "an extension of a chunk": (CHUNKED + b"5;", b"x" * 8192),
    "the zeros of a chunk's size": (CHUNKED, b"0" * 8192),
    "extensions of chunks of one byte": (CHUNKED, b"1;" + b"x" * 8192 + b"\r\na\r\n"),
    "a header that does not end": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * 8192),
    "blank lines between requests": (
        b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n" * 4096,
    ),
    "what follows the last chunk": (CHUNKED + b"0\r\nX: ", b"x" * 8192),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_is_neither_body_nor_answered_is_read_no_further_than_a_head(
    serve: Serve, what: str
) -> None:
    begin, more = ENDLESS[what]
    with serve(CONNECTOR_SERVER_MAXHEADERSIZE="64 KiB") as face, connected(face) as connection:
        connection.sendall(begin)
        got, sent = b"", 0
        # Who is still writing when the server closes may lose its answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while b"HTTP/1.1 400" not in got:
                connection.sendall(more)
                sent += len(more)
                assert sent < 16 << 20, "it is read without end"
                if select([connection], [], [], 0)[0]:
                    got += connection.recv(1 << 16)
            assert b"within 64 KiB" in got
        assert is_closed(connection)
        assert face.refusals.counts()["head"] == 1
        assert face.token()


def test_a_body_in_chunks_of_one_byte_is_read_however_long_it_is(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_MAXHEADERSIZE="8 KiB") as face:
        body = b"action=GetPid&x=" + b"y" * 40_000
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        kind = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        assert b"SUCCESS" in face.raw(CHUNKED[:-2] + kind + chunks)
        assert face.refusals.counts()["head"] == 0


def test_connections_beyond_the_limit_are_closed_and_the_others_go_on(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_MAXCONNECTIONS="2") as face:
        assert face.token()  # on one that is kept
        with connected(face), connected(face) as third:
            assert is_closed(third)
            assert face.token()
        assert face.refusals.counts()["connections"] == 1


def test_a_client_that_does_not_read_loses_its_connection() -> None:
    refusals, ended = Refusals(), threading.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            part = {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
            await send(part)
        await send({"type": "http.response.body", "body": b""})
        ended.set()

    protocol = bounded(Bounds(stalled_seconds=0.2), refusals)
    with running(large, protocol) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ended.wait(DEADLINE), "the answer waits for the client for ever"
        assert refusals.counts()["stalled"] == 1
        assert is_closed(client)


def test_an_old_connection_ends_when_its_request_is_answered(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_CONNECTIONSECONDS="0.2") as face, connected(face) as connection:
        connection.sendall(b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"SUCCESS" in connection.recv(1 << 16)
        assert is_closed(connection)
        assert face.token()


def test_requests_beyond_the_limit_of_a_client_are_refused_until_others_are_answered(
    serve: Serve,
) -> None:
    with serve(CONNECTOR_SERVER_MAXREQUESTSPERCLIENT="1") as face, connected(face) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\naction=")
        end = time.monotonic() + DEADLINE
        while "ERRORTOOMANY" not in (refusal := face.client.get("/action=GetPid").text):
            assert time.monotonic() < end, "the request under way does not count"
        assert "MaxRequestsPerClient" in refusal
        assert face.refusals.counts()["requests"] == 1
        slow.sendall(b"GetPid   ")
        assert b"SUCCESS" in slow.recv(1 << 16)
        assert face.token()


def test_a_client_that_goes_away_frees_its_place(serve: Serve) -> None:
    with serve(CONNECTOR_SERVER_MAXREQUESTSPERCLIENT="1") as face:
        with connected(face) as gone:
            gone.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nact")
        end = time.monotonic() + DEADLINE
        while "ERRORTOOMANY" in face.client.get("/action=GetPid").text:
            assert time.monotonic() < end, "its place is kept for ever"
