"""QueueInfo: elements, order, words; and what Cancel and Stop answer in each state."""

from collections.abc import Callable

import pytest

from connector.jobs import claim, outcomes, progress, requests
from connector.jobs.job import Run
from tests import leases
from tests.aci.serving import Face

WORKER = "00000000-0000-7000-8000-00000000000a"
CORE = ["status", "queued_time", "time_in_queue"]
BEGUN = [*CORE, "process_start_time", "time_processing"]
ENDED = [*BEGUN, "process_end_time"]


def running(face: Face) -> Run:
    token = face.token()
    with leases.alive(face.database, WORKER):
        runs = face.database.run(claim.claim, "Echo", WORKER, 100)
    return next(run for run in runs if run.token == token)


def cancelled(face: Face) -> str:
    token = face.token()
    face.database.run(requests.cancel, token=token, by="test")
    return token


def ended(verb: Callable[..., object], *arguments: object) -> Callable[[Face], str]:
    def bring(face: Face) -> str:
        run = running(face)
        face.database.run(verb, run, *arguments)
        return run.token

    return bring


STATES: dict[str, tuple[Callable[[Face], str], list[str]]] = {
    "Queued": (lambda face: face.token(), CORE),
    "Processing": (lambda face: running(face).token, BEGUN),
    "Finished": (ended(outcomes.finish, {"zoo": "z", "ape": {"@n": 1}}), [*ENDED, "ape", "zoo"]),
    "Error": (ended(outcomes.fail, "as asked", {"part": "done"}), [*ENDED, "error", "part"]),
    "Stopped": (ended(outcomes.stop), ENDED),
    "Cancelled": (cancelled, CORE),
}


@pytest.mark.parametrize("word", list(STATES))
def test_each_state_has_its_word_and_its_elements_in_order(face: Face, word: str) -> None:
    bring, elements = STATES[word]
    token = bring(face)
    action = face.action(token)
    assert [child.tag for child in action] == [*elements, "token"]
    assert (action.findtext("status"), action.findtext("token")) == (word, token)
    assert face.action(token.upper().replace("-", "")).findtext("token") == token


def test_results_stand_in_the_action_itself(face: Face) -> None:
    action = face.action(STATES["Finished"][0](face))
    ape = action.find("ape")
    assert ape is not None and ape.get("n") == "1" and action.findtext("zoo") == "z"
    assert face.action(STATES["Error"][0](face)).findtext("error") == "as asked"


def test_text_that_xml_cannot_carry_is_made_safe(lone_face: Face) -> None:
    token = ended(outcomes.fail, "bad \x01\x1b\ufffe text", {"a b": "c\x02"})(lone_face)
    action = lone_face.action(token)
    assert action.findtext("error") == "bad \ufffd\ufffd\ufffd text"


def test_a_later_attempt_shows_its_own_times_and_the_first_queueing(face: Face) -> None:
    run = running(face)
    before = face.action(run.token).findtext("queued_time")
    face.database.run(outcomes.retry, run, "no", 0.0, 9)
    waiting = face.action(run.token)
    assert [child.tag for child in waiting] == [*CORE, "token"]
    with leases.alive(face.database, WORKER):
        face.database.run(claim.claim, "Echo", WORKER, 100)
    assert face.action(run.token).findtext("queued_time") == before


def test_progress_is_shown_while_it_runs_and_not_after(face: Face) -> None:
    run = running(face)
    face.database.run(progress.save, run, progress={"rooms_done": 3})
    assert face.action(run.token).findtext("progress/rooms_done") == "3"
    face.database.run(outcomes.finish, run, {})
    assert face.action(run.token).find("progress") is None


def test_why_tells_what_it_waits_for_and_what_changes_that(face: Face) -> None:
    token = face.token()
    target = f"/action=QueueInfo&QueueName=Echo&QueueAction=Why&Token={token}"
    (action,) = face.get(target).findall("responsedata/actions/action")
    told = {child.tag: child.text for child in action}
    assert (told["token"], told["status"]) == (token, "Queued")
    assert told["explanation"] == "no worker is registered that serves the queue Echo"
    assert told["remedy"] == "webex-connector work"
    missing = face.error("/action=QueueInfo&QueueName=Echo&QueueAction=Why")
    assert missing["errorstring"] == "Missing parameter" and "Token" in missing["errordescription"]


def test_a_whole_queue_is_listed_newest_first(face: Face) -> None:
    listing = "/action=QueueInfo&QueueName=echo&QueueAction=getstatus"
    assert face.get(listing).find("responsedata/actions/action") is None
    tokens = [face.token() for _ in range(5)]
    shown = [x.text for x in face.get(listing).iterfind("responsedata/actions/action/token")]
    assert shown == tokens[::-1]
    two = face.get(listing + "&MaxResults=2").findall("responsedata/actions/action")
    assert [x.findtext("token") for x in two] == tokens[:2:-1]


def test_a_long_queue_is_listed_whole(lone_face: Face) -> None:
    tokens = [lone_face.token() for _ in range(520)]
    shown = lone_face.get("/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus")
    assert [x.text for x in shown.iterfind("responsedata/actions/action/token")] == tokens[::-1]


@pytest.mark.parametrize("word", list(STATES))
@pytest.mark.parametrize("verb", ["Cancel", "Stop"])
def test_what_cancel_and_stop_answer(face: Face, word: str, verb: str) -> None:
    token = STATES[word][0](face)
    asked = f"/action=QueueInfo&QueueName=Echo&QueueAction={verb}&Token={token}"
    reached = ANSWERS[verb].get(word)
    if reached is None:
        error = face.error(asked)
        assert error["errorcode"] == "ERRORSTATE" and word in error["errordescription"]
        if word == "Processing":
            assert "QueueAction=Stop" in error["errordescription"]
        return
    for _ in range(2):
        (action,) = face.get(asked).findall("responsedata/actions/action")
        assert [child.tag for child in action] == ["token", "status"]
        assert (action.findtext("token"), action.findtext("status")) == (token, reached)


ANSWERS = {
    "Cancel": {"Queued": "Cancelled", "Cancelled": "Cancelled"},
    "Stop": {
        "Queued": "Cancelled",
        "Processing": "Processing",
        "Stopped": "Stopped",
        "Cancelled": "Cancelled",
    },
}


def test_stop_without_a_token_asks_all_that_run(face: Face) -> None:
    tokens = {running(face).token for _ in range(3)}
    waiting = face.token()
    answer = face.get("/action=QueueInfo&QueueName=Echo&QueueAction=Stop")
    assert {x.text for x in answer.iterfind("responsedata/actions/action/token")} == tokens
    assert face.action(waiting).findtext("status") == "Queued"
