"""Bad input: a clear answer that names what was wrong, never a traceback, never a stuck server."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.aci.serving import Face

FIELDS = [
    "errorid",
    "rawerrorid",
    "errorstring",
    "errordescription",
    "errorcode",
    "errortime",
]
NOBODY = "0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e0f"
QUEUE = "/action=QueueInfo&QueueName=Echo"


@pytest.mark.parametrize(
    ("target", "word", "named"),
    [
        ("/action=Dance", "ERRORNOTIMPLEMENTED", "Dance"),
        ("/", "ERRORPARAMMISSING", "action"),
        ("/hello", "ERRORPARAMMISSING", "action"),
        ("/action=Echo", "ERRORPARAMMISSING", "To"),
        ("/action=Echo&To=", "ERRORPARAMMISSING", "To"),
        ("/action=Echo&To=x&Times=many", "ERRORPARAMINVALID", "whole number"),
        ("/action=Echo&To=x&Loud=perhaps", "ERRORPARAMINVALID", "true or false"),
        ("/action=Echo&To=x&Tone=Sad", "ERRORPARAMINVALID", "Calm, Angry"),
        ("/action=QueueInfo", "ERRORPARAMMISSING", "QueueAction"),
        ("/action=QueueInfo&QueueAction=GetStatus", "ERRORPARAMMISSING", "QueueName"),
        ("/action=QueueInfo&QueueAction=Sing&QueueName=Echo", "ERRORPARAMINVALID", "GetStatus"),
        (
            "/action=QueueInfo&QueueAction=GetStatus&QueueName=No",
            "ERRORQUEUEUNKNOWN",
            "there is Echo",
        ),
        (f"{QUEUE}&QueueAction=GetStatus&Token=xyz", "ERRORPARAMINVALID", "Token"),
        (f"{QUEUE}&QueueAction=GetStatus&Token={NOBODY}", "ERRORTOKENUNKNOWN", NOBODY),
        (f"{QUEUE}&QueueAction=Cancel", "ERRORPARAMMISSING", "Token"),
        (f"{QUEUE}&QueueAction=Cancel&Token={NOBODY}", "ERRORTOKENUNKNOWN", NOBODY),
        (f"{QUEUE}&QueueAction=GetStatus&MaxResults=-1", "ERRORPARAMINVALID", "MaxResults"),
        ("/action=Echo&To=%zz", "ERRORBADREQUEST", "%zz"),
        ("/action=Echo&To=%FF", "ERRORBADREQUEST", "UTF-8"),
        ("/action=Echo&To=a%00b", "ERRORBADREQUEST", "NUL"),
    ],
)
def test_what_was_wrong_is_named(lone_face: Face, target: str, word: str, named: str) -> None:
    error = lone_face.error(target)
    assert list(error) == FIELDS and all(error.values())
    assert error["errorcode"] == word
    assert named in error["errordescription"]
    assert error["errorid"].startswith("WEBEXCONNECTOR")


def test_a_body_that_is_too_large_is_refused_and_the_server_goes_on(lone_face: Face) -> None:
    body = b"action=Echo&To=" + b"x" * (17 << 20)
    reply = lone_face.client.post("/", content=body)
    assert b"ERRORTOOLARGE" in reply.content and b"MaxBodySize" in reply.content
    chunked = lone_face.client.post(
        "/", content=(body[i : i + 65536] for i in range(0, len(body), 65536))
    )
    assert b"ERRORTOOLARGE" in chunked.content
    assert lone_face.token()


@pytest.mark.parametrize("size", [60_000, 65_000, 70_000, 200_000, 4_000_000])
def test_a_long_request_line_is_taken_or_refused(lone_face: Face, size: int) -> None:
    target = b"/action=Echo&To=" + b"x" * size
    got = lone_face.raw(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if size < 64 * 1024 - 100:
        assert b"<token>" in got
    else:
        assert b"ERRORTOOLARGE" in got or got.startswith(b"HTTP/1.1 4")
    assert lone_face.token()


def test_a_request_line_of_one_byte_less_than_64_kib_is_taken_for_certain(
    lone_face: Face,
) -> None:
    length = 64 * 1024 - 1
    for around in (b"GET /action=Echo&To=%s HTTP/1.1", b"GET /?action=Echo&To=%s HTTP/1.1"):
        line = around % (b"x" * (length - len(around) + len(b"%s")))
        assert len(line) == length
        got = lone_face.raw(line + b"\r\nHost: localhost\r\n\r\n")
        assert b"<token>" in got
        token = got.partition(b"<token>")[2].partition(b"<")[0].decode()
        asked = lone_face.get(f"{QUEUE}&QueueAction=GetActionParameters&Token={token}")
        told = asked.findall("responsedata/actions/action/parameter")
        assert len({x.get("name"): x.text or "" for x in told}["To"]) > length - 60


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /action=GetPid HTTP/9.9\r\n\r\n",
        b"GET /a b c HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"DELETE /action=Echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /?action=Echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\n"
        b"Content-Length: 3\r\n\r\nabc",
    ],
)
def test_what_is_no_request_gets_an_answer(
    lone_face: Face, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    got = lone_face.raw(sent)
    assert got.startswith(b"HTTP/1.1 4") or b"<response>ERROR</response>" in got
    assert lone_face.token()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_half_a_body_does_not_hold_a_connection(
    lone_face: Face, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connector.aci.app.BODY_SECONDS", 0.1)
    got = lone_face.raw(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\naction=")
    assert b"did not come" in got
    lone_face.raw(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\naction=", then_end=True
    )
    assert lone_face.token()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_is_sent_the_server_answers_in_order(
    lone_face: Face, path: bytes, body: bytes
) -> None:
    path = bytes(byte for byte in path if byte not in b" \r\n")
    head = (
        b"POST /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    )
    got = lone_face.raw(head % (path, len(body)) + body)
    assert got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


def test_no_request_has_the_server_write_where_a_client_says(
    lone_face: Face, tmp_path: Path
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    there = tmp_path / "theirs"
    given = f"&Output=true&FileName={there}&Path={there}"
    for target in ("/action=GetVersion", "/action=Echo&To=you", QUEUE + "&QueueAction=GetStatus"):
        assert lone_face.get(target + given).findtext("response") == "SUCCESS"
    assert "theirs" not in {path.name for path in tmp_path.iterdir()} - before
