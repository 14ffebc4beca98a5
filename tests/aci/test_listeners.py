"""`/events`: what a client hears of a queue and of an action, on every engine."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from starlette.types import Message

from connector import board
from connector.aci import listeners
from connector.aci.feeds import Version
from connector.aci.listeners import Stream
from connector.aci.watch import Watch
from connector.board.memory import Board
from connector.db import api_keys
from connector.jobs import claim, outcomes, progress, requests
from connector.jobs.tables import jobs
from tests import leases
from tests.aci.listening import listening
from tests.aci.serving import DEADLINE, Face, facing

WORKER = "00000000-0000-7000-8000-00000000000a"
QUEUE = "/events?queue=echo"


def refused(face: Face, target: str, status: int, **headers: str) -> str:
    reply = face.client.get(target, headers=headers)
    assert reply.status_code == status
    return ET.fromstring(reply.content).findtext("responsedata/error/errorcode") or ""


def test_a_queue_is_told_whole_first_and_then_what_changes(face: Face) -> None:
    one, two = face.token(), face.token()
    with leases.alive(face.database, WORKER), listening(face, QUEUE) as heard:
        name, told = heard.next()
        assert (name, told["queue"], told["paused"], told["more"]) == ("snapshot", "Echo", False, 0)
        counts = {"Queued": 2, "Processing": 0, "Paused": 0, "completed": 0}
        assert told["counts"] == counts
        assert [a["token"] for a in told["actions"]] == [one, two]
        (run,) = face.database.run(claim.claim, "Echo", WORKER, 1)
        assert heard.of(run.token, "Processing")["listed"]
        assert heard.until(lambda e: e[0] == "queue")[1]["counts"] == {
            **counts,
            "Queued": 1,
            "Processing": 1,
        }
        face.database.run(progress.save, run, progress={"done": 3})
        assert heard.of(run.token, "Processing")["progress"] == {"done": 3}
        face.database.run(outcomes.finish, run, {})
        assert not heard.of(run.token, "Finished")["listed"]
        new = face.token()
        assert heard.of(new, "Queued")["listed"]


def test_an_action_is_told_until_its_end(face: Face) -> None:
    token = face.token()
    with listening(face, f"{QUEUE}&Token={token.upper()}") as heard:
        assert heard.next() == ("action", {"token": token, "status": "Queued"})
        face.token()
        face.database.run(requests.cancel, token=token, by="test")
        assert heard.next() == ("action", {"token": token, "status": "Cancelled"})


def test_a_stream_ends_when_its_action_is_removed_from_the_database(lone_face: Face) -> None:
    token = lone_face.token()
    lone_face.database.run(requests.cancel, token=token, by="test")
    with listening(lone_face, f"{QUEUE}&token={token}") as heard:
        heard.next()
        lone_face.database.run(lambda tx: tx.execute(sa.delete(jobs)))
        with pytest.raises(EOFError):
            heard.next()
    assert refused(lone_face, f"{QUEUE}&token={token}", 404) == "ERRORTOKENUNKNOWN"


def test_of_many_actions_the_first_are_told_and_the_others_counted(
    lone_face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.aci.feeds.LISTED", 3)
    tokens = [lone_face.token() for _ in range(5)]
    with listening(lone_face, QUEUE) as heard:
        told = heard.next()[1]
        assert [a["token"] for a in told["actions"]] == tokens[:3] and told["more"] == 2
        lone_face.database.run(requests.cancel, token=tokens[0], by="test")
        assert heard.of(tokens[3], "Queued")["listed"]
        assert not heard.of(tokens[0], "Cancelled")["listed"]


def test_what_cannot_be_told_is_an_error_with_a_status(lone_face: Face) -> None:
    token = lone_face.token()
    assert refused(lone_face, "/events?queue=Nothing", 404) == "ERRORQUEUEUNKNOWN"
    assert refused(lone_face, "/events", 400) == "ERRORPARAMMISSING"
    assert refused(lone_face, "/events?queue=%zz", 400) == "ERRORBADREQUEST"
    assert refused(lone_face, f"{QUEUE}&token=x", 400) == "ERRORPARAMINVALID"
    other = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert refused(lone_face, f"{QUEUE}&token={other}", 404) == "ERRORTOKENUNKNOWN"
    assert lone_face.client.post(QUEUE).status_code == 405
    told = lone_face.client.get("/events?queue=No&ResponseFormat=json").json()
    assert told["autnresponse"]["response"]["$"] == "ERROR"


def test_a_key_hears_of_its_queues_alone(lone_face: Face) -> None:
    def key(role: str, queues: list[str] | None) -> dict[str, str]:
        made = lone_face.database.run(api_keys.create, "ci", [role], queues, "cli me")
        return {"Authorization": f"Bearer {made}"}

    right, other, admin = key("Query", ["echo"]), key("Query", ["Other"]), key("Admin", None)
    with listening(lone_face, QUEUE, right) as heard:
        assert heard.next()[0] == "snapshot"
    for headers in (other, admin):
        assert refused(lone_face, QUEUE, 403, **headers) == "ERRORNOTPERMITTED"
    unknown = "/events?queue=Nothing"
    assert refused(lone_face, unknown, 403, **right) == "ERRORNOTPERMITTED"


def test_there_are_no_more_listeners_than_may_be(lone_url: str) -> None:
    with facing(lone_url, CONNECTOR_SERVER_MAXLISTENERS="1") as face:
        with listening(face, QUEUE) as heard:
            heard.next()
            assert refused(face, QUEUE, 503) == "ERRORTOOMANY"
        end = time.monotonic() + DEADLINE
        while face.client.stream("GET", QUEUE).__enter__().status_code != 200:
            assert time.monotonic() < end, "a place that was left is free"


def test_those_who_listen_are_counted(lone_face: Face) -> None:
    def counted() -> float:
        return shared.totals()[("event_listeners",)]

    shared = Board.create(["http 1"])
    board.attach(shared, "http 1", logging.Formatter().format)
    try:
        with listening(lone_face, QUEUE) as heard:
            heard.next()
            assert counted() == 1
        end = time.monotonic() + DEADLINE
        while counted():
            assert time.monotonic() < end, "one that went is counted no more"
    finally:
        board.detach()


def test_many_who_listen_cost_one_look_a_tick(lone_face: Face) -> None:
    with ExitStack() as stack:
        all_of = [stack.enter_context(listening(lone_face, QUEUE)) for _ in range(20)]
        for heard in all_of:
            heard.next()
        asked: list[str] = []
        sa.event.listen(
            lone_face.database.engine,
            "before_cursor_execute",
            lambda conn, cursor, statement, *rest: asked.append(statement),
        )
        began = time.monotonic()
        token = lone_face.token()
        for heard in all_of:
            heard.of(token, "Queued")
        ticks = (time.monotonic() - began) / listeners.QUEUE_TICK + 2
        assert 1 <= len([s for s in asked if "queues.paused" in s]) <= ticks


def test_a_silent_stream_shows_that_it_lives(
    lone_face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "HEARTBEAT", 0.1)
    with listening(lone_face, QUEUE) as heard:
        assert next(heard.lines) == "retry: 1000"
        heard.next()
        assert next(heard.lines) == ""
        assert next(heard.lines).startswith(":")


def test_with_classic_status_a_cancelled_action_is_told_as_error(lone_url: str) -> None:
    with facing(lone_url, CONNECTOR_ACTIONS_CLASSICSTATUS="true") as face:
        token = face.token()
        face.database.run(requests.cancel, token=token, by="test")
        with listening(face, f"{QUEUE}&token={token}") as heard:
            assert heard.next()[1]["status"] == "Error"


def version(number: int) -> Version:
    return Version(number, b"all of %d" % number, b"change %d" % number)


def test_who_was_too_slow_for_a_change_hears_all_anew() -> None:
    async def main() -> list[bytes]:
        newest = [version(1)]
        sent: list[bytes] = []
        free = asyncio.Semaphore(0)

        async def ask(keys: Sequence[str]) -> Mapping[str, Version]:
            return dict.fromkeys(keys, newest[-1])

        async def send(message: Message) -> None:
            await free.acquire()
            sent.append(message["body"])

        async def told(number: int) -> None:
            newest.append(version(number))
            await watched.until(lambda found: found == newest[-1], DEADLINE)

        async def heard(number: int) -> None:
            for _ in range(number):
                free.release()
            while len(sent) < number:
                await watched.until(lambda found: True, DEADLINE)

        with Watch(ask, 0.01, at_once=True).on("q") as watched:
            sending = asyncio.create_task(Stream(watched, newest[0]).send(send))
            await heard(2)
            for number in (2, 3, 4):
                await told(number)
            await heard(4)
            await told(5)
            await heard(5)
            sending.cancel()
        return sent

    heard = asyncio.run(main())
    assert heard[1] == b"all of 1" and heard[-1] == b"change 5"
    assert b"all of 4" in heard and b"change 4" not in heard
