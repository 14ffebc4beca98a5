"""The rules find what breaks them: a server with a fault does not pass."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from connector.aci.access import Access
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from tests.fuzz import answers
from tests.fuzz.answers import Malformed
from tests.fuzz.connection import Talk, converse
from tests.fuzz.finds import Finds
from tests.fuzz.rig import Rig
from tests.fuzz.seeds import get
from tests.fuzz.trial import Trial, trial

SEND = get("/action=Echo&To=you")


@pytest.fixture
def judged() -> Iterator[Trial]:
    with trial() as made:
        yield made


def answering(judged: Trial, content: bytes, content_type: bytes, status: int = 200) -> list[str]:
    """Have the server answer this to anything, and return what the rules say."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = b"%d" % len(content)
        headers = [(b"content-type", content_type), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    judged.rigs.current().app.app = app
    return judged.judge(SEND)


XML = b"text/xml; charset=utf-8"
ENVELOPE = (
    b"<autnresponse><action>A</action><response>SUCCESS</response><responsedata>"
    b"%s</responsedata></autnresponse>"
)


@pytest.mark.parametrize(
    ("content", "content_type", "status", "told"),
    [
        (b"<a", XML, 200, "no XML"),
        (b"<a/>", XML, 200, "parts of the envelope"),
        (b"{}", b"application/json", 200, "no JSON"),
        (ENVELOPE % b"", b"text/plain", 200, "type"),
        (ENVELOPE % b"", XML, 500, "not 200"),
        (ENVELOPE % b"root:x:0:0:", XML, 200, "file of the system"),
        (ENVELOPE % b"<token>x</token>", XML, 200, "not stored"),
        (ENVELOPE.replace(b"SUCCESS", b"ERROR") % b"", XML, 200, "fields"),
    ],
)
def test_an_answer_that_is_wrong_is_found(
    judged: Trial, content: bytes, content_type: bytes, status: int, told: str
) -> None:
    assert any(told in each for each in answering(judged, content, content_type, status))


def test_a_secret_in_an_answer_is_found(judged: Trial) -> None:
    for number in range(3):
        shown = ENVELOPE % judged.rigs.fresh().secrets[number].encode()
        assert "an answer shows a secret" in answering(judged, shown, XML)


def test_an_answer_that_is_not_the_one_that_was_made_is_found(judged: Trial) -> None:
    async def altered(rig: Rig, data: bytes) -> Talk:
        talk = await converse(rig, data)
        talk.wire = talk.wire.replace(b"<action>ECHO<", b"<action>ACHO<")
        return talk

    assert "the body is not the one that was made" in judged.judge(SEND, altered)


def test_an_action_that_is_stored_without_an_answer_is_found(
    judged: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Access.submit

    async def twice(self: Access, job: NewJob) -> str:
        await submit(self, job)
        return await submit(self, NewJob(new_token(), job.queue, job.parameters))

    monkeypatch.setattr(Access, "submit", twice)
    assert "1 actions were stored, and no answer has their token" in judged.judge(SEND)


def test_an_error_in_the_log_and_a_file_elsewhere_are_found(
    judged: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def careless(self: Access, job: NewJob) -> str:
        (tmp_path / "theirs").write_text("written")
        raise RuntimeError("a bug")

    monkeypatch.setattr(Access, "submit", careless)
    told = " ".join(judged.judge(SEND))
    assert "is written" in told and "a bug" in told and "ERRORINTERNAL" in told


def test_an_answer_that_does_not_come_is_found(judged: Trial) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    rig = judged.rigs.current()
    rig.app.app, rig.seconds = silent, -4.9
    told = judged.judge(SEND)
    assert "it does not answer" in told


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_found(wire: bytes) -> None:
    with pytest.raises(Malformed):
        answers.read(wire, ["GET"])


def test_a_find_is_kept_once_of_each_kind(tmp_path: Path) -> None:
    finds = Finds(tmp_path)
    (path,) = finds.note(["line 12 fails for 'a'"], b"first")
    assert finds.note(["line 13 fails for 'b'"], b"second") == [] and finds.number == 1
    assert path.read_bytes() == b"first"
