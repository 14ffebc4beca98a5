"""Requests that offer to go on in another protocol are answered like any other, body and all."""

import socket

import pytest

from tests.aci.serving import DEADLINE, Face

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB"
BODY = "Action=Echo&To=you"


def post(face: Face, offer: str = OFFER, body: str = BODY) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{face.port}\r\n{offer}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "offer",
    [
        OFFER,
        "Connection: upgrade\r\nUpgrade: websocket",
        "Connection: close, Upgrade\r\nUpgrade: TLS/1.0",
        "Upgrade: h2c\r\nConnection: Upgrade\r\nExpect: 100-continue",
    ],
)
def test_a_body_is_read_whatever_is_offered(lone_face: Face, offer: str) -> None:
    answer = lone_face.raw(post(lone_face, offer))
    assert b"<token>" in answer and b"HTTP/1.1 200" in answer


def test_a_body_may_come_in_chunks(lone_face: Face) -> None:
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{lone_face.port}\r\n{OFFER}\r\n"
    chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in ("Action=Echo", "&To=you", ""))
    sent = f"{head}Transfer-Encoding: chunked\r\n\r\n{chunks}"
    assert b"<token>" in lone_face.raw(sent.encode())


def test_requests_before_and_after_it_on_the_connection_are_answered(lone_face: Face) -> None:
    other = f"GET /action=GetPid HTTP/1.1\r\nHost: 127.0.0.1:{lone_face.port}\r\n".encode()
    last = other + b"Connection: close\r\n\r\n"
    sent = [other + b"\r\n", post(lone_face), post(lone_face, body="Action=Nonsense"), last]
    with socket.create_connection(("127.0.0.1", lone_face.port), DEADLINE) as connection:
        connection.sendall(b"".join(sent))
        with connection.makefile("rb") as answers:
            answer = answers.read()
    assert answer.count(b"HTTP/1.1 200") == 4
    told = [answer.count(x) for x in (b"<autn:pid>", b"<token>", b"ERRORNOTIMPLEMENTED")]
    assert told == [2, 1, 1]


def test_the_offer_is_not_taken_up_and_a_get_needs_no_body(lone_face: Face) -> None:
    head = f"GET /action=GetPid HTTP/1.1\r\nHost: 127.0.0.1:{lone_face.port}\r\n{OFFER}\r\n\r\n"
    answer = lone_face.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 200") and b"autn:pid" in answer


def test_a_connect_ends(lone_face: Face) -> None:
    answer = lone_face.raw(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", then_end=True)
    assert answer.startswith(b"HTTP/1.1 ")
