"""Preview changes nothing, whatever else is given; and nobody gets all who wanted to choose."""

from typing import Any

import pytest
import sqlalchemy as sa

from connector.aci.declared import QUEUE_ACTIONS
from connector.aci.verbs import VERBS
from connector.db.engine import Database
from connector.jobs import requests
from connector.jobs.states import Requested, State
from connector.jobs.tables import job_events, jobs, queues
from tests.aci.queueing import ask, counts, in_state, job, refused, running
from tests.aci.serving import Echo, Face, facing


class Pausable(Echo):
    pausable = True


def everything(face: Face) -> list[Any]:
    """Return all that verbs could change."""
    ordered = [
        sa.select(jobs).order_by(jobs.c.token),
        sa.select(queues),
        sa.select(job_events.c.id),
    ]
    return face.database.read(lambda tx: [tx.execute(select).all() for select in ordered])


@pytest.fixture
def pausable(database: Database, empty_url: str) -> Any:
    with facing(empty_url, actions={"Echo": Pausable()}) as face:
        yield face


def test_a_preview_changes_nothing_with_a_token_without_and_with_a_filter(pausable: Face) -> None:
    order = [state for state in State if state is not State.QUEUED] + [State.QUEUED]
    tokens = [in_state(pausable, state) for state in order]
    before = everything(pausable)
    for verb in VERBS:
        needs_choice = verb in ("Cancel", "Retry", "ChangePriority")
        choices = [*({"Token": token} for token in tokens), {"State": "pending,running"}]
        for given in (*choices, *([] if needs_choice else [{}]), {"MaxResults": "1"}):
            for yes in ("true", "1"):
                data = ask(pausable, verb, Preview=yes, Priority="9", **given)
                assert data.findtext("preview") == "true" and data.find("actions") is None
    for token in tokens:
        assert ask(pausable, "Duplicate", Token=token, Preview="true").findtext("matched") == "1"
    assert everything(pausable) == before


CONCERNED = {
    "Cancel": {State.QUEUED, State.PAUSED},
    "Stop": {State.QUEUED, State.PAUSED, State.RUNNING},
    "Pause": {State.QUEUED, State.RUNNING},
    "Resume": {State.PAUSED},
    "Retry": {State.FAILED, State.STOPPED, State.CANCELLED},
    "ChangePriority": {State.QUEUED, State.PAUSED, State.RUNNING},
}


def test_a_preview_of_one_action_says_whether_it_would_be_changed(pausable: Face) -> None:
    for state in (*(s for s in State if s is not State.QUEUED), State.QUEUED):
        token = in_state(pausable, state)
        for verb, states in CONCERNED.items():
            data = ask(pausable, verb, Token=token, Preview="true", Priority="3")
            assert data.findtext("matched") == str(int(state in states)), (verb, state)


def test_a_preview_counts_what_a_verb_without_filter_would_concern(pausable: Face) -> None:
    for _ in range(4):
        pausable.token()
    runs = running(pausable, 2)
    pausable.database.run(requests.pause, pausable.token(), "test")
    for verb, count in (("Stop", "2"), ("Pause", "2"), ("Resume", "3")):
        data = ask(pausable, verb, Preview="true")
        assert (data.findtext("matched"), data.findtext("complete")) == (count, "true")
    assert all(job(pausable, run.token).requested is None for run in runs)
    assert ask(pausable, "QueueStatus").findtext("queue/paused") == "false"


def test_what_cannot_be_paused_is_not_counted_by_a_preview_of_a_pause(face: Face) -> None:
    token = face.token()
    running(face)
    assert ask(face, "Pause", Preview="true").findtext("matched") == "0"
    assert ask(face, "Pause", Preview="true", Token=token).findtext("matched") == "0"


def test_maxresults_limits_a_verb_that_has_no_other_filter(face: Face) -> None:
    tokens = [face.token() for _ in range(3)]
    running(face, 2)
    assert counts(ask(face, "Stop", MaxResults="1")) == ("1", "1", "0")
    assert [job(face, t).requested for t in tokens[:2]] == [None, Requested.STOP]
    assert counts(ask(face, "Stop", After=tokens[1])) == ("1", "1", "0")
    assert ask(face, "QueueStatus").findtext("queue/paused") == "false"
    assert counts(ask(face, "Pause", MaxResults="0")) == ("0", "0", "0")


@pytest.mark.parametrize("verb", QUEUE_ACTIONS)
def test_a_token_that_is_there_and_empty_is_refused(lone_face: Face, verb: str) -> None:
    token = lone_face.token()
    running(lone_face)
    for empty in ("", " "):
        code, sentence = refused(lone_face, verb, Token=empty, Priority="1")
        assert code == "ERRORPARAMMISSING" and "leave Token out" in sentence
    assert job(lone_face, token).requested is None


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["State", "Queued-Before", "Min-Priority", "MaxResults", "After"])
def test_a_filter_that_is_there_and_empty_is_refused_by_verbs(
    lone_face: Face, verb: str, name: str
) -> None:
    token = lone_face.token()
    running(lone_face)
    code, sentence = refused(lone_face, verb, Priority="1", **{name: ""})
    assert code == "ERRORPARAMMISSING" and name in sentence and "leave it out" in sentence
    assert job(lone_face, token).requested is None


@pytest.mark.parametrize("verb", [*VERBS, "GetStatus", "GetActionParameters", "Progress"])
def test_states_without_a_word_are_refused(lone_face: Face, verb: str) -> None:
    for text in (",", " , "):
        code, sentence = refused(lone_face, verb, State=text, Priority="1")
        assert code == "ERRORPARAMINVALID" and "State" in sentence


def test_a_filter_beside_a_token_is_looked_at(lone_face: Face) -> None:
    token = lone_face.token()
    for wrong in ({"State": "Lost"}, {"MaxResults": "some"}, {"Queued-After": "soon"}):
        for verb in ("GetStatus", "Cancel", "GetActionParameters", "Why", "Duplicate"):
            assert refused(lone_face, verb, Token=token, **wrong)[0] == "ERRORPARAMINVALID"
    assert refused(lone_face, "Stop", Preview="maybe", Token=token)[0] == "ERRORPARAMINVALID"
    assert job(lone_face, token).state is State.QUEUED
