"""Requests that wait in line on one connection: each has its own answer, whatever comes behind it.

All of these were found by `scripts/fuzz`.
"""

import contextlib
import socket
import time
from collections.abc import Iterator

from connector.jobs import reading
from tests.aci.serving import DEADLINE, Face, facing

HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
SEND = b"GET /action=Echo&To=you" + HOST + b"\r\n"
PID = b"GET /action=GetPid" + HOST + b"\r\n"
LAST = b"GET /action=GetPid" + HOST + b"Connection: close\r\n\r\n"
BROKEN_CHUNK = b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
OFFERS = b"GET /action=GetPid" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def said(face: Face, sent: bytes) -> bytes:
    """Return all that the server says until it ends the connection."""
    with connected(face) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as answers:
            return answers.read()


@contextlib.contextmanager
def connected(face: Face) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", face.port), DEADLINE) as connection:
        yield connection


def test_what_is_no_request_does_not_take_the_answers_of_those_before_it(lone_face: Face) -> None:
    for junk in (b"GARBAGE\r\n\r\n", BROKEN_CHUNK, b"GET / HTTP/9.9\r\n\r\n"):
        before = len(lone_face.database.read(reading.page, "Echo"))
        got = said(lone_face, SEND * 3 + junk)
        assert got.count(b"<token>") == 3
        assert got.rpartition(b"HTTP/1.1 ")[2].startswith(b"400"), "and is answered itself"
        assert len(lone_face.database.read(reading.page, "Echo")) == before + 3
    assert lone_face.token()


def test_what_cannot_be_read_is_answered_once_and_nothing_behind_it(lone_face: Face) -> None:
    got = said(lone_face, PID + b"GARBAGE\r\n\r\n" + SEND)
    assert [x[:3] for x in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
    assert lone_face.database.read(reading.page, "Echo") == []


def test_a_head_that_does_not_end_leaves_the_one_before_it_its_answer(lone_face: Face) -> None:
    ask = f"/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus&Token={lone_face.token()}"
    with connected(lone_face) as connection, connection.makefile("rb") as answers:
        connection.sendall(b"GET " + ask.encode() + b"&Wait=1.5" + HOST + b"\r\n")
        connection.sendall(b"GET /" + HOST + b"X: ")
        sent = 0
        while not lone_face.refusals.counts()["head"]:
            connection.sendall(b"x" * 8192)
            sent += 8192
            assert sent < 64 << 20, "it is read without end"
        got = answers.read()
    assert [x[:3] for x in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]
    assert b"<status>Queued</status>" in got
    assert lone_face.refusals.counts()["head"] == 1


def test_an_old_connection_answers_what_waits_in_line_before_it_ends(lone_url: str) -> None:
    with facing(lone_url, CONNECTOR_SERVER_CONNECTIONSECONDS="2") as face:
        ask = f"/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus&Token={face.token()}"
        # It is old while this waits; at twice its age it would be cut off.
        slow = b"GET " + ask.encode() + b"&Wait=2.5" + HOST + b"\r\n"
        assert said(face, slow + PID * 2).count(b"HTTP/1.1 200") == 3


def test_who_leaves_a_stream_frees_his_place_also_with_a_request_behind_it(lone_url: str) -> None:
    events = b"GET /events?queue=Echo" + HOST + b"\r\n"
    with facing(lone_url, CONNECTOR_SERVER_MAXLISTENERS="1") as face:
        with connected(face) as connection:
            connection.sendall(events + PID)
            got = b""
            while b"event: snapshot" not in got:
                got += connection.recv(1 << 16)
        end = time.monotonic() + DEADLINE
        while face.client.get("/events?queue=None").status_code == 503:
            assert time.monotonic() < end, "the stream goes on though nobody listens"


def test_any_number_of_requests_may_offer_to_go_on_in_another_protocol(lone_face: Face) -> None:
    assert said(lone_face, OFFERS * 1500 + LAST).count(b"<autn:pid>") == 1501
    assert lone_face.token()
