"""What is accepted: requests sent again are stored once, and a full queue takes no more."""

import json
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest

from connector.db.engine import Database
from connector.jobs import reading, requests, retention, submit
from connector.jobs.errors import KeyReused
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import idempotency_keys
from connector.jobs.token import new_token
from tests.aci.serving import Echo, Face, facing

SEND = "/action=Echo&To=you"


def sent(face: Face, key: str, target: str = SEND) -> str:
    reply = face.client.get(f"{target}&ResponseFormat=simplejson", headers={"Idempotency-Key": key})
    data = json.loads(reply.content)["autnresponse"]["responsedata"]
    return str(data.get("token") or data["error"]["errorcode"])


def test_the_same_key_gives_the_same_token_by_header_and_parameter(face: Face) -> None:
    token = sent(face, "k1")
    assert sent(face, "k1") == token == face.token(SEND + "&idempotency-key=k1")
    assert sent(face, "k2") != token != face.token()
    assert len(face.database.read(reading.page, "Echo")) == 3
    face.database.run(requests.cancel, token=token, by="test")
    assert sent(face, "k1") == token, "also when it has ended"


def test_another_request_under_a_key_is_an_error_and_stores_nothing(face: Face) -> None:
    token = sent(face, "k1")
    error = face.error(SEND + "&Word=other&Idempotency-Key=k1")
    assert error["errorcode"] == "ERRORKEYREUSED" and token in error["errordescription"]
    assert len(face.database.read(reading.page, "Echo")) == 1


def test_a_key_that_another_queue_has_used_does_not_tell_what_it_became(
    database: Database, empty_url: str
) -> None:
    class Other(Echo):
        name = "Other"

    with facing(empty_url, actions={"Echo": Echo(), "Other": Other()}) as face:
        token = sent(face, "k1")
        error = face.error("/action=Other&To=you&Idempotency-Key=k1")
        assert error["errorcode"] == "ERRORKEYREUSED" and "'k1'" in error["errordescription"]
        assert token not in str(error)


def test_many_at_once_become_one(face: Face) -> None:
    with ThreadPoolExecutor(20) as pool:
        tokens = set(pool.map(lambda number: sent(face, f"key {number % 2}"), range(60)))
    assert len(tokens) == 2
    assert {job.token for job in face.database.read(reading.page, "Echo")} == tokens


def test_in_one_batch_each_gets_its_own_answer(face: Face) -> None:
    def new(key: str | None, word: str) -> NewJob:
        return NewJob(new_token(), "Echo", {"Word": word}, key=key)

    first, again, other, free = new("a", "x"), new("a", "x"), new("a", "y"), new(None, "x")
    told = face.database.run(submit.submit, [first, again, other, free])
    assert told[:2] == [first.token] * 2
    assert isinstance(told[2], KeyReused) and told[2].token == first.token
    assert told[3] == free.token
    assert face.database.run(submit.submit, [first, free]) == [first.token, free.token]
    assert len(face.database.read(reading.page, "Echo")) == 2


def test_a_key_goes_with_its_action(face: Face) -> None:
    token = sent(face, "k1")
    face.database.run(requests.cancel, token=token, by="test")
    retention.prune(face.database, {State.CANCELLED: 0.0}, lambda: None)
    assert face.database.read(lambda tx: tx.execute(idempotency_keys.select()).all()) == []
    assert sent(face, "k1") != token


@pytest.mark.parametrize("key", ["x" * 201, "a\u00e9", "tab\there"])
def test_what_cannot_be_a_key_is_refused(lone_face: Face, key: str) -> None:
    reply = lone_face.client.post("/", data={"action": "Echo", "To": "you", "Idempotency-Key": key})
    assert "printable ASCII" in reply.text


def test_a_queue_takes_so_many_and_no_more(database: Database, empty_url: str) -> None:
    with facing(empty_url, CONNECTOR_ECHO_MAXQUEUESIZE="3") as face:
        tokens = [face.token() for _ in range(2)]
        assert sent(face, "k3")
        error = face.error(SEND)
        assert (
            error["errorcode"] == "ERRORQUEUEFULL" and "MaxQueueSize" in error["errordescription"]
        )
        assert sent(face, "k4") == "ERRORQUEUEFULL"
        assert len(sent(face, "k3")) == 36, "what was stored before is found again"
        face.database.run(requests.cancel, token=tokens[0], by="test")
        assert len(sent(face, "k4")) == 36, "a refused request used up no key"


def test_a_full_queue_is_exceeded_by_none_of_those_who_come_at_once(
    database: Database, empty_url: str
) -> None:
    with (
        facing(empty_url, CONNECTOR_ECHO_MAXQUEUESIZE="10") as face,
        ThreadPoolExecutor(20) as pool,
    ):
        told = list(pool.map(lambda number: sent(face, f"key {number}"), range(60)))
    assert sum(len(token) == 36 for token in told) == 10
    assert told.count("ERRORQUEUEFULL") == 50


def test_an_action_larger_than_the_database_takes_is_refused_alone(face: Face) -> None:
    quotes = {"To": "you", "Word": '"' * (9 << 19)}  # each is four characters in a statement

    def send(number: int) -> str:
        reply = face.client.post("/action=Echo", data={"To": "you"} if number else quotes)
        data = ET.fromstring(reply.content)
        return str(data.findtext(".//token") or data.findtext(".//errorcode"))

    with ThreadPoolExecutor(10) as pool:
        large, *small = pool.map(send, range(10))
    if face.database.dialect.name == "mariadb":
        assert large == "ERRORTOOLARGE"
    else:
        small.append(large)
    assert {job.token for job in face.database.read(reading.page, "Echo")} == set(small)
