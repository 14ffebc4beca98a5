"""Downloads and pages over real sockets: streams, kept connections, broken ones, slow ones."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest

from connector.webex import FileInfo, Unavailable, WebexClient

if TYPE_CHECKING:
    from tests.webex.conftest import MakeMessage, Serve


BODY = bytes(range(256)) * 4096


def send(handler: BaseHTTPRequestHandler, body: bytes, *, claim: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if claim is None else claim))
    handler.end_headers()
    handler.wfile.write(body)


def test_a_large_file_comes_in_chunks(serve: Serve) -> None:
    server = serve(lambda handler: send(handler, BODY))
    chunks: list[bytes] = []
    with server.client() as client:
        assert client.download(f"{server.url}/contents/F", chunks.append).size == len(BODY)
    assert b"".join(chunks) == BODY
    assert max(map(len, chunks)) <= 256 * 1024


def test_requests_one_after_another_share_a_connection(serve: Serve) -> None:
    server = serve(lambda handler: send(handler, b"x" * 2000))
    with server.client() as client:
        for number in range(20):
            client.download(f"{server.url}/contents/{number}", bytearray().extend)
    assert (len(server.requests), server.connections) == (20, 1)


def test_threads_share_a_client_and_its_connections(serve: Serve) -> None:
    server = serve(lambda handler: send(handler, handler.path.encode() * 500))

    def fetch(number: int) -> bool:
        taken = bytearray()
        client.download(f"{server.url}/contents/{number}", taken.extend)
        return bytes(taken) == f"/contents/{number}".encode() * 500

    with server.client() as client, ThreadPoolExecutor(4) as threads:
        assert all(threads.map(fetch, range(100)))
    assert server.connections <= 4


def test_a_body_that_breaks_off_is_asked_for_again_and_written_once(serve: Serve) -> None:
    breaks = iter([10, 500_000, 0, 700_000])

    def handle(handler: BaseHTTPRequestHandler) -> None:
        at = next(breaks, None)
        send(handler, BODY[:at], claim=len(BODY))
        handler.close_connection = at is not None

    server = serve(handle)
    taken, sizes = bytearray(), list[int | None]()

    def opened(info: FileInfo) -> bool:
        sizes.append(info.size)
        return True

    with server.client() as client:
        client.download(f"{server.url}/contents/F", taken.extend, opened=opened)
    assert bytes(taken) == BODY
    assert (len(server.requests), sizes) == (5, [len(BODY)])


def test_a_body_that_always_breaks_off_is_given_up(serve: Serve) -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"half", claim=8)
        handler.close_connection = True

    server = serve(handle)
    taken = bytearray()
    with server.client(max_retries=2) as client, pytest.raises(Unavailable, match="be reached"):
        client.download(f"{server.url}/contents/F", taken.extend)
    assert (bytes(taken), len(server.requests)) == (b"half", 3)


def test_broken_bodies_and_refusals_of_a_download_spend_the_same_budget(serve: Serve) -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        if len(server.requests) % 2:
            send(handler, b"half", claim=8)
        else:
            handler.send_error(503)
        handler.close_connection = True

    server = serve(handle)
    with server.client(max_retries=4) as client, pytest.raises(Unavailable):
        client.download(f"{server.url}/contents/F", bytearray().extend)
    assert len(server.requests) == 5


def test_a_connection_dropped_without_an_answer_is_made_anew(serve: Serve) -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        if len(server.requests) < 3:
            handler.close_connection = True
        else:
            send(handler, json.dumps({"id": "P", "displayName": "Ada"}).encode())

    server = serve(handle)
    with server.client() as client:
        assert client.me().display_name == "Ada"
    assert len(server.requests) == 3


def test_half_a_page_is_asked_for_again(serve: Serve, message: MakeMessage) -> None:
    page = json.dumps({"items": [message("1")]}).encode()

    def handle(handler: BaseHTTPRequestHandler) -> None:
        first = len(server.requests) == 1
        send(handler, page[: 20 if first else None], claim=len(page))
        handler.close_connection = first

    server = serve(handle)
    with server.client() as client:
        assert [[m.id for m in found] for found in client.messages("R")] == [["1"]]


def test_a_server_that_falls_silent_is_left_after_the_timeout(serve: Serve) -> None:
    done = threading.Event()

    def handle(handler: BaseHTTPRequestHandler) -> None:
        if len(server.requests) == 1:
            send(handler, BODY[:100], claim=len(BODY))
            done.wait(20)
        else:
            send(handler, BODY)

    server = serve(handle)
    taken = bytearray()
    with server.client(timeout=0.1) as client:
        client.download(f"{server.url}/contents/F", taken.extend)
        done.set()
    assert bytes(taken) == BODY


def test_a_file_not_wanted_leaves_the_client_usable(serve: Serve) -> None:
    server = serve(lambda handler: send(handler, b"x" * 10 if "small" in handler.path else BODY))
    taken = bytearray()
    with server.client() as client:
        client.download(f"{server.url}/contents/big", taken.extend, opened=lambda info: False)
        client.download(f"{server.url}/contents/small", taken.extend)
    assert bytes(taken) == b"x" * 10


def test_nobody_listening_is_unavailable(serve: Serve) -> None:
    server = serve(lambda handler: None)
    with server.client(max_retries=0) as client:
        server.close()
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached"):
            client.me()


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = serve(lambda handler: send(handler, b'{"id": "P"}'))
    with WebexClient(server.url, "token", max_retries=0) as client:
        assert client.me().id == "P"


def test_a_client_that_is_closed_under_a_request_closes_its_connection_with_the_answer(
    serve: Serve,
) -> None:
    asked, answer, closed = threading.Event(), threading.Event(), threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        answer.wait(20)
        send(handler, json.dumps({"id": "P", "displayName": "Ada", "emails": []}).encode())
        handler.connection.settimeout(20)
        if handler.rfile.read(1) == b"":
            closed.set()
        handler.close_connection = True

    server = serve(late)
    client = server.client()
    with ThreadPoolExecutor(1) as thread:
        name = thread.submit(lambda: client.me().display_name)
        assert asked.wait(20)
        client.close()
        with pytest.raises(RuntimeError, match="nothing is asked"):
            client.me()
        answer.set()
        assert name.result(20) == "Ada"
    assert closed.wait(20)
