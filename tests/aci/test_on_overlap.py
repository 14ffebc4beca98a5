"""[Fetch] OnOverlap: what a client is answered about a task that has an action already."""

import contextlib
from collections.abc import Iterator

import pytest

from connector.actions.fetch.fetch import Fetch
from connector.db.engine import Database
from connector.jobs import reading, requests
from tests.aci.serving import Face, facing, settings

FETCH = "/action=Fetch&FetchAction=Synchronize"
TASKS = {"CONNECTOR_FETCHTASKS_0": "One", "CONNECTOR_FETCHTASKS_1": "Two"}

pytestmark = pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)


@contextlib.contextmanager
def fetching(url: str, **environment: str) -> Iterator[Face]:
    given = {**TASKS, **environment}

    def unused() -> Database:
        raise AssertionError("nothing is run")

    actions = {"Fetch": Fetch(settings(url, **given), unused)}
    with facing(url, None, actions, True, **given) as face:
        yield face


def test_queue_is_the_default_and_stores_a_second_one(database: Database, empty_url: str) -> None:
    with fetching(empty_url) as face:
        assert face.token(FETCH) != face.token(FETCH)


def test_join_answers_the_token_of_the_one_that_is_there(
    database: Database, empty_url: str
) -> None:
    with fetching(empty_url, CONNECTOR_ACTIONS_ONOVERLAP="join") as face:
        token = face.token(FETCH)
        assert face.token(FETCH) == token == face.token(FETCH + "&TaskSections=two")
        assert len(face.database.read(reading.page, "Fetch")) == 1
        face.database.run(requests.cancel, token=token, by="test")
        narrow = face.token(FETCH + "&TaskSections=One")
        assert narrow != token
        assert face.token(FETCH) not in (token, narrow), "it does less than was asked"


def test_refuse_answers_an_error_that_names_task_and_token(
    database: Database, empty_url: str
) -> None:
    with fetching(empty_url, CONNECTOR_ACTIONS_ONOVERLAP="refuse") as face:
        token = face.token(FETCH + "&TaskSections=One")
        other = face.token(FETCH + "&TaskSections=Two")
        error = face.error(FETCH)
        assert (error["errorcode"], error["rawerrorid"]) == ("ERRORTASKBUSY", "0x203")
        assert token in error["errordescription"] and "task ONE" in error["errordescription"]
        face.database.run(requests.cancel, token=token, by="test")
        assert other in face.error(FETCH)["errordescription"]
        assert len(face.database.read(reading.page, "Fetch")) == 2, "a refused one is not stored"
