"""Sync: an asynchronous action that is answered with its results."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connector.db.engine import Database, Tx
from connector.jobs import claim, outcomes, reading, requests
from connector.jobs.job import Run
from connector.jobs.states import State
from tests import leases
from tests.aci.serving import DEADLINE, Face, facing

WORKER = "00000000-0000-7000-8000-00000000000a"
SEND = "/action=Echo&To=you&"


@contextmanager
def worker(face: Face, end: Callable[[Tx, Run], State]) -> Iterator[None]:
    """Claim one action as soon as it is there, and end it."""

    def work() -> None:
        until = time.monotonic() + DEADLINE
        while not (runs := face.database.run(claim.claim, "Echo", WORKER, 1)):
            assert time.monotonic() < until
        face.database.run(end, runs[0])

    with leases.alive(face.database, WORKER):
        thread = threading.Thread(target=work)
        thread.start()
        yield
        thread.join()


def finished(tx: Tx, run: Run) -> State:
    return outcomes.finish(tx, run, {"word": "hello", "list": {"item": ["a", "b"]}})


@pytest.mark.parametrize("asked", ["sync=TRUE", "Synchronous=1", "Sync=true&Synchronous=false"])
def test_the_answer_is_the_results_and_the_token(face: Face, asked: str) -> None:
    with worker(face, finished):
        root = face.get(SEND + asked)
    (job,) = face.database.read(reading.page, "Echo")
    assert root.findtext("action") == "ECHO" and root.findtext("response") == "SUCCESS"
    data = root.find("responsedata")
    assert data is not None
    assert [child.tag for child in data] == ["list", "word", "token"]
    assert data.findtext("word") == "hello" and data.findtext("token") == job.token
    assert [item.text for item in data.findall("list/item")] == ["a", "b"]


def test_without_it_the_token_comes_at_once(lone_face: Face) -> None:
    for asked in ("", "Sync=false", "synchronous="):
        assert lone_face.token(SEND + asked)


def test_what_is_no_yes_or_no_is_refused_and_nothing_is_stored(lone_face: Face) -> None:
    assert "Sync" in lone_face.error(SEND + "Sync=perhaps")["errordescription"]
    assert "Synchronous" in lone_face.error(SEND + "Synchronous=2")["errordescription"]
    assert lone_face.database.read(reading.page, "Echo") == []


def test_a_failure_is_an_error_that_says_why_and_carries_the_token(face: Face) -> None:
    with worker(face, lambda tx, run: outcomes.fail(tx, run, "no paper")):
        root = face.get(SEND + "Sync=true")
    (job,) = face.database.read(reading.page, "Echo")
    assert root.findtext("response") == "ERROR"
    assert root.findtext("responsedata/error/errorcode") == "ERRORACTIONFAILED"
    assert root.findtext("responsedata/error/errordescription") == "no paper"
    assert root.findtext("responsedata/token") == job.token


def test_one_that_is_cancelled_meanwhile_is_an_error(face: Face) -> None:
    def cancel() -> None:
        until = time.monotonic() + DEADLINE
        while not (jobs := face.database.read(reading.page, "Echo")):
            assert time.monotonic() < until
        face.database.run(requests.cancel, token=jobs[0].token, by="test")

    thread = threading.Thread(target=cancel)
    thread.start()
    fields = face.error(SEND + "Sync=true")
    thread.join()
    assert fields["errordescription"] == "The action was cancelled."


def test_past_its_time_the_error_carries_the_token_and_the_action_goes_on(
    database: Database, empty_url: str
) -> None:
    with facing(empty_url, CONNECTOR_SERVER_ANSWERSECONDS="1") as face:
        begun = time.monotonic()
        told = face.client.get(SEND + "Sync=true&ResponseFormat=json").json()["autnresponse"]
        assert 0.4 < time.monotonic() - begun < 4.0
        data = told["responsedata"]
        assert told["response"]["$"] == "ERROR"
        assert data["error"]["errorcode"]["$"] == "ERRORUNFINISHED"
        token = data["token"]["$"]
        assert token in data["error"]["errordescription"]["$"]
        assert face.action(token).findtext("status") == "Queued"


def test_sent_again_with_its_key_it_is_the_action_of_the_first_time(face: Face) -> None:
    key = {"Idempotency-Key": "k1"}
    with worker(face, finished):
        first = face.client.get(SEND + "Sync=true&ResponseFormat=simplejson", headers=key)
    again = face.client.get(SEND + "Sync=true&ResponseFormat=simplejson", headers=key)
    assert json.loads(first.content) == json.loads(again.content)
    assert len(face.database.read(reading.page, "Echo")) == 1
