"""GetResults: all that an action returned, in every format, read while it is sent."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import given, settings

from connector.aci.formats import FORMATS
from connector.aci.queueinfo import NAME
from connector.aci.reply import Reply
from connector.aci.results import Body, Source
from connector.aci.tree import Tree
from connector.actions.action import Finished
from connector.db.engine import Database, Tx
from connector.jobs import claim, outcomes, parts, requests, results
from connector.jobs.job import Run
from connector.jobs.parts import Head, taken_apart
from connector.worker.storable import outcome_message
from tests import leases
from tests.aci.serving import DEADLINE, Face, facing
from tests.jobs.test_parts import RESULTS

WORKER = "00000000-0000-7000-8000-00000000000a"
NAMES = [{"@name": f"é<{n}>", "$": "Y2lz" * 10} for n in range(2000)]
LARGE: dict[str, Any] = {
    "zone": "here",
    "identifiers": {"@self": "A", "identifier": NAMES},
    "documentcounts": {"documentcount": [{"@task": "A", "@errors": "0"}]},
    "tasks": {"success": [f"task {n}" for n in range(3000)], "failed": []},
}
LIMIT = 4096


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 1000)
    monkeypatch.setattr(parts, "LEAST", 100)


def target(token: str, verb: str = "GetResults", **given: str) -> str:
    asked = {"QueueName": "Echo", "QueueAction": verb, "Token": token, **given}
    return "/action=QueueInfo&" + urlencode(asked)


def running(face: Face) -> Run:
    token = face.token()
    with leases.alive(face.database, WORKER):
        (run,) = face.database.run(claim.claim, "Echo", WORKER, 10)
    assert run.token == token
    return run


def ended(face: Face, result: dict[str, Any], verb: str = "finished") -> str:
    """Have an action end as its slot and its worker would record it."""
    run = running(face)
    told = outcome_message(Finished(result), LIMIT)
    given = (told["result"], told.get("parts", ()))
    if verb == "finished":
        face.database.run(outcomes.finish, run, *given)
    else:
        face.database.run(outcomes.fail, run, "why", *given)
    return run.token


def whole(form: str, result: dict[str, Any]) -> bytes:
    return FORMATS[form].render(Reply(NAME, {name: result[name] for name in sorted(result)}))


@pytest.mark.parametrize("form", FORMATS)
def test_a_result_of_any_size_is_answered_whole(face: Face, form: str) -> None:
    for result in (LARGE, {"small": "é"}, {}):
        token = ended(face, result)
        reply = face.client.get(target(token, ResponseFormat=form))
        assert reply.status_code == 200
        assert reply.headers["content-type"] == FORMATS[form].media_type
        # What PostgreSQL keeps as jsonb has its members in another order.
        assert reply.content == whole(form, result)
        assert ("content-length" in reply.headers) == (result is not LARGE)


def test_status_and_lists_have_the_beginning_and_a_note(face: Face) -> None:
    token = ended(face, LARGE)
    for wait in ("0", "1"):
        root = face.get(target(token, "GetStatus", Wait=wait))
        action = root.find("responsedata/actions/action")
        assert action is not None and action.findtext("zone") == "here"
        note = action.find("result_note")
        assert note is not None and note.get("queueaction") == "GetResults"
        assert int(note.get("size") or 0) > 100_000 and "GetResults" in (note.text or "")
        first = [e.text for e in action.findall("identifiers/identifier")]
        assert 0 < len(first) < 50 and set(first) == {NAMES[0]["$"]}
    listed = face.client.get("/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus")
    assert len(listed.content) < 2 * LIMIT and b"result_note" in listed.content


def test_what_a_failed_or_stopped_action_left_is_answered_too(face: Face) -> None:
    token = ended(face, LARGE, "failed")
    assert face.client.get(target(token)).content == whole("xml", LARGE)
    run = running(face)
    face.database.run(requests.stop, run.token, "client")
    told = outcome_message(Finished(LARGE), LIMIT)
    face.database.run(outcomes.finish, run, told["result"], told["parts"])
    assert face.client.get(target(run.token)).content == whole("xml", LARGE)


def test_unknown_waiting_and_running_actions_are_errors(face: Face) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    assert face.error(target(unknown))["errorcode"] == "ERRORTOKENUNKNOWN"
    assert face.error(target(""))["errorcode"] == "ERRORPARAMMISSING"
    assert face.error(target("nonsense"))["errorcode"] == "ERRORPARAMINVALID"
    waiting = face.token()
    assert face.error(target(waiting))["errorcode"] == "ERRORSTATE"
    with leases.alive(face.database, WORKER):
        face.database.run(claim.claim, "Echo", WORKER, 1)
    error = face.error(target(waiting))
    assert error["errorcode"] == "ERRORSTATE" and "is Processing" in error["errordescription"]


def test_of_a_cancelled_action_there_is_nothing(face: Face) -> None:
    token = face.token()
    face.database.run(requests.cancel, token, "client")
    assert face.client.get(target(token)).content == whole("xml", {})


def read_by(monkeypatch: pytest.MonkeyPatch, then: Callable[[str], None]) -> list[int]:
    """Have `then` called before each read of parts but the first; return where each begins."""
    begun: list[int] = []
    real = results.some

    def some(tx: Tx, token: str, attempt: int, number: int, limit: int) -> list[str]:
        begun.append(number)
        if len(begun) > 2:
            then(token)
        return real(tx, token, attempt, number, limit)

    monkeypatch.setattr(results, "some", some)
    return begun


def test_an_answer_is_broken_off_if_its_action_runs_again_meanwhile(
    face: Face, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = ended(face, LARGE, "failed")

    def again(token: str) -> None:
        other = Database(empty_url)
        other.run(requests.reopen, token, "client")
        other.close()

    read_by(monkeypatch, again)
    with pytest.raises(httpx2.RemoteProtocolError):
        face.client.get(target(token))


def test_who_does_not_read_holds_no_connection_and_has_no_more_read_for_him(
    lone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART", 256 << 10)
    names = ["x" * 1000] * 30_000
    with facing(lone_url) as face:
        token = ended(face, {"name": names})
        begun = read_by(monkeypatch, lambda token: None)
        with face.client.stream("GET", target(token)) as reply:
            chunks = reply.iter_raw()
            next(chunks)
            pool: Any = face.database.engine.pool
            assert face.action(token).findtext("status") == "Finished", "others are answered"
            until_still(lambda: (len(begun), pool.checkedout()))
            assert pool.checkedout() == 0
            parts_there = face.database.read(lambda tx: sum(1 for _ in results.every(tx)))
            assert parts_there > 100 and len(begun) * results.TOGETHER < parts_there / 2
            rest = b"".join(chunks)
        assert rest.count(b"<name>") > 29_000


def until_still(look: Callable[[], object]) -> None:
    """Wait until nothing has moved for a while."""
    seen, since, end = look(), time.monotonic(), time.monotonic() + DEADLINE
    while time.monotonic() < since + 0.5:
        assert time.monotonic() < end, seen
        time.sleep(0.01)
        if look() != seen:
            seen, since = look(), time.monotonic()


class Stored(Source):
    """Parts in memory."""

    def __init__(self, found: list[str]) -> None:
        self._found = found

    async def parts(self, first: int, count: int) -> AsyncIterator[str]:
        for part in self._found[first : first + count]:
            yield part


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60)
@given(result=RESULTS)
def test_what_is_sent_in_parts_is_what_would_be_sent_whole(
    form: str, result: dict[str, Tree]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", 40)
        patch.setattr(parts, "LEAST", 12)
        found = taken_apart(result)
    head = Head.read(found[0])
    tree = json.loads("".join(found[1 : 1 + head.pieces]))
    body = Body(Reply(NAME, tree), head, Stored(found))

    async def sent() -> bytes:
        return b"".join([chunk async for chunk in body.sent(FORMATS[form])])

    assert asyncio.run(sent()) == whole(form, result)


def test_a_template_takes_a_result_that_is_not_too_long(lone_url: str, tmp_path: Path) -> None:
    (tmp_path / "count.xsl").write_text(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:output method="text"/><xsl:template match="/">'
        '<xsl:value-of select="count(//identifier)"/></xsl:template></xsl:stylesheet>'
    )
    with facing(
        lone_url,
        CONNECTOR_SERVER_XSLTEMPLATES="true",
        CONNECTOR_PATHS_TEMPLATEDIRECTORY=str(tmp_path),
    ) as face:
        token = ended(face, LARGE)
        assert face.client.get(target(token, Template="count")).text == str(len(NAMES))
