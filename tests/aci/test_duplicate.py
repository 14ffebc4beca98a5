"""Duplicate: a copy is stored by the rules of any new action, and its request may be repeated."""

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import reading
from connector.jobs.outbox_tables import outbox
from connector.jobs.states import State
from tests.aci.queueing import ask, in_state, refused
from tests.aci.serving import Face, facing
from tests.aci.test_on_overlap import FETCH, fetching


def copy_of(face: Face, token: str, key: str = "") -> str:
    given = {"Idempotency_Key": key} if key else {}
    return ask(face, "Duplicate", Token=token, **given).findtext("token", "")


def test_the_same_key_gives_the_same_copy(face: Face) -> None:
    token = face.token()
    copy = copy_of(face, token, "k")
    assert copy_of(face, token, "k") == copy != token
    assert copy_of(face, token, "other") != copy != copy_of(face, token)
    assert len(face.database.read(reading.page, "Echo")) == 4
    found = face.client.get(
        f"/action=QueueInfo&QueueName=Echo&QueueAction=Duplicate&Token={token}",
        headers={"Idempotency-Key": "k"},
    )
    assert copy in found.text, "by header too"


def test_another_request_under_the_key_of_a_copy_is_an_error(face: Face) -> None:
    one, two = face.token(), face.token()
    copy = copy_of(face, one, "k")
    code, sentence = refused(face, "Duplicate", Token=two, Idempotency_Key="k")
    assert code == "ERRORKEYREUSED" and copy in sentence
    assert face.error("/action=Echo&To=you&Idempotency-Key=k")["errorcode"] == "ERRORKEYREUSED"
    assert face.token("/action=Echo&To=you&Idempotency-Key=new")
    assert refused(face, "Duplicate", Token=one, Idempotency_Key="new")[0] == "ERRORKEYREUSED"
    assert len(face.database.read(reading.page, "Echo")) == 4


def test_the_trail_says_once_of_what_a_copy_was_made(face: Face) -> None:
    token = in_state(face, State.FAILED)
    copy = copy_of(face, token, "k")
    copy_of(face, token, "k")
    (event,) = face.database.read(reading.trail, copy)
    assert (event.event, event.reason) == ("duplicate", f"copy of {token}")
    assert event.actor.startswith("http ")


def test_a_copy_does_not_pass_by_the_size_of_its_queue(database: Database, empty_url: str) -> None:
    with facing(empty_url, CONNECTOR_ECHO_MAXQUEUESIZE="2") as face:
        token = face.token()
        copy_of(face, token)
        code, sentence = refused(face, "Duplicate", Token=token)
        assert code == "ERRORQUEUEFULL" and "MaxQueueSize" in sentence
        assert len(face.database.read(reading.page, "Echo")) == 2


def test_a_copy_that_fills_its_queue_is_told_as_an_event(
    database: Database, empty_url: str
) -> None:
    with facing(
        empty_url,
        CONNECTOR_ECHO_MAXQUEUESIZE="2",
        CONNECTOR_ECHO_ONQUEUEEVENT="H",
        CONNECTOR_H_LIBRARYNAME="httpHandler",
        CONNECTOR_H_URL="http://127.0.0.1:9/",
    ) as face:
        copy_of(face, face.token())
        payloads = face.database.read(
            lambda tx: tx.execute(sa.select(outbox.c.payload)).scalars().all()
        )
    assert "QueueFull" in [payload["queueEventType"] for payload in payloads]


@pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
def test_a_copy_follows_the_rule_for_a_second_action_on_a_task(
    database: Database, empty_url: str
) -> None:
    verb = "/action=QueueInfo&QueueName=Fetch&QueueAction=Duplicate&Token="
    with fetching(empty_url, CONNECTOR_ACTIONS_ONOVERLAP="refuse") as face:
        token = face.token(FETCH)
        assert face.error(verb + token)["errorcode"] == "ERRORTASKBUSY"
    with fetching(empty_url, CONNECTOR_ACTIONS_ONOVERLAP="join") as face:
        assert face.token(verb + token) == token
        assert len(face.database.read(reading.page, "Fetch")) == 1
    with fetching(empty_url) as face:
        assert face.token(verb + token) != token
