"""What goes wrong with Webex or the target: a message to act on, and nothing lost."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.actions.action import Failed, Finished, InvalidParameter, Release
from connector.actions.fetch.fetch import FETCH_ACTIONS, Fetch
from connector.actions.fetch.work import WORK
from connector.actions.validate import checked
from connector.jobs import outcomes
from tests.fetch.conftest import Fetching, ops

Make = Callable[..., Fetching]
ALL_TIME = "36500"


def only_failure(outcome: object) -> str:
    """Return the message of the one task in tasks/failed."""
    assert isinstance(outcome, Finished | Failed), outcome
    (failed,) = outcome.result["tasks"]["failed"]
    assert failed["$"] == "ONE"
    return str(failed["@message"])


def errors(outcome: object) -> int:
    assert isinstance(outcome, Finished | Failed), outcome
    return int(outcome.result["documentcounts"]["documentcount"][0]["@errors"])


def test_each_fetch_action_that_is_declared_can_be_done() -> None:
    assert FETCH_ACTIONS == tuple(WORK)


def test_a_wrong_token_is_told(make: Make) -> None:
    fetching = make()
    outcome = fetching.synchronize(CONNECTOR_WEBEX_ACCESSTOKEN="wrong")
    assert isinstance(outcome, Failed)
    assert "AccessToken" in outcome.error and "401" in outcome.error
    assert "wrong" not in outcome.error


def test_no_token_is_told(make: Make) -> None:
    fetching = make()
    del fetching.environment["CONNECTOR_WEBEX_ACCESSTOKEN"]
    outcome = fetching.synchronize()
    assert isinstance(outcome, Failed) and "AccessToken" in outcome.error


def test_a_room_gone_in_mid_walk_is_one_error_and_the_others_arrive(make: Make) -> None:
    fetching = make(rooms=3, messages=63, files=0)
    fetching.sandbox.control("fail", status=404, endpoint="messages", after=4, count=1)
    outcome = fetching.synchronize()
    assert isinstance(outcome, Finished) and errors(outcome) == 1
    assert "room" in only_failure(outcome)
    assert 42 <= len(fetching.records()) < 63
    again = fetching.synchronize()
    assert isinstance(again, Finished) and errors(again) == 0
    assert len({r["reference"] for r in fetching.records()}) == len(fetching.records()) == 63


def test_a_named_room_that_is_not_there_is_told(make: Make) -> None:
    fetching = make(rooms=2, messages=10, files=0)
    outcome = fetching.synchronize(CONNECTOR_FETCHTASKS_ROOMIDS="no-such-room")
    assert errors(outcome) == 1 and "no-such-room" in only_failure(outcome)


@pytest.mark.parametrize("trouble", ["infect", "unscannable"])
def test_a_file_that_cannot_be_had_is_delivered_with_its_error(make: Make, trouble: str) -> None:
    fetching = make(rooms=2, messages=20, files=5)
    url = _file_urls(fetching)[0]
    fetching.sandbox.control(trouble, contentId=url)
    outcome = fetching.synchronize()
    assert isinstance(outcome, Finished) and errors(outcome) == 1
    assert url in str([r["reference"] for r in fetching.records()])
    (record,) = [r for r in fetching.records() if r["reference"] == url]
    assert record["metadata"]["error"] in only_failure(outcome)
    assert "file" not in record["metadata"]


def _file_urls(fetching: Fetching) -> list[str]:
    fetching.synchronize(CONNECTOR_FETCHTASKS_0="PROBE")
    records = fetching.records("PROBE")
    return [r["reference"] for r in records if r["metadata"]["type"] == "file"]


def test_a_file_in_passing_trouble_is_tried_again_by_the_sweep(make: Make) -> None:
    fetching = make(rooms=1, messages=10, files=10)
    fetching.sandbox.control("fail", status=500, endpoint="contents/{id}", count=3)
    outcome = fetching.synchronize(CONNECTOR_WEBEX_MAXWAITSECONDS="3")
    assert isinstance(outcome, Finished) and errors(outcome) == 1
    fetching.take()
    again = fetching.synchronize(CONNECTOR_FETCHTASKS_SWEEPDAYS=ALL_TIME)
    assert errors(again) == 0
    (record,) = fetching.records()
    assert record["op"] == "update" and record["metadata"]["sha256"]


@pytest.mark.parametrize("place", ["/proc/documents", "below a file"])
def test_an_unusable_folder_is_told(make: Make, place: str) -> None:
    fetching = make(rooms=1, messages=5)
    if place == "below a file":
        fetching.folder.mkdir()
        (fetching.folder / "file").touch()
        place = str(fetching.folder / "file" / "documents")
    outcome = fetching.synchronize(CONNECTOR_FETCHTASKS_INGESTDIRECTORY=place)
    assert isinstance(outcome, Failed)
    assert place in outcome.error and "IngestDirectory" in outcome.error
    healed = fetching.synchronize()
    expected = fetching.sandbox.expected()
    assert isinstance(healed, Finished)
    assert ops(fetching.records()) == {"add": expected["messages"] + expected["files"]}


def test_webex_out_of_reach_releases_the_action_until_it_is_given_up(make: Make) -> None:
    fetching = make()
    away: Any = {
        "CONNECTOR_WEBEX_BASEURL": "http://127.0.0.1:9/v1",
        "CONNECTOR_WEBEX_MAXRETRIES": "0",
    }
    run = fetching.claimed()
    outcome = fetching.perform(run, **away)
    assert isinstance(outcome, Release) and outcome.after > 0
    assert "cannot be reached" in outcome.reason
    fetching.database.run(outcomes.release, run, outcome.reason)
    run = fetching.claim(run.token)
    given_up = fetching.perform(run, **away, CONNECTOR_WEBEX_GIVEUPAFTERSECONDS="0")
    assert isinstance(given_up, Failed) and "GiveUpAfterSeconds" in given_up.error
    assert isinstance(fetching.synchronize(), Finished)


def test_a_failing_task_does_not_keep_the_others(make: Make) -> None:
    fetching = make(rooms=1, messages=5, files=0)
    fetching.environment |= {
        "CONNECTOR_FETCHTASKS_1": "TWO",
        "CONNECTOR_ONE_INGESTDIRECTORY": "/proc/documents",
    }
    outcome = fetching.synchronize()
    assert "/proc/documents" in only_failure(outcome)
    assert isinstance(outcome, Finished) and outcome.result["tasks"]["success"] == ["TWO"]
    assert len(fetching.records("TWO")) == 5


def test_parameters_are_checked_before_anything_is_stored(make: Make) -> None:
    fetching = make()
    fetch = Fetch(fetching.settings(), lambda: fetching.database)
    assert checked(fetch, {"fetchaction": "SYNCHRONIZE"}) == {"FetchAction": "Synchronize"}
    assert fetch.tasks_of({"TaskSections": " one ,ONE"}) == ("ONE",)
    assert fetch.tasks_of({}) == ("ONE",)
    for sent, named in (({}, "FetchAction"), ({"FetchAction": "Steal"}, "FetchAction")):
        with pytest.raises(InvalidParameter) as missing:
            checked(fetch, sent)
        assert missing.value.parameter == named and "Synchronize" in missing.value.expected
    with pytest.raises(InvalidParameter) as unknown:
        fetch.tasks_of({"TaskSections": "ONE,THREE"})
    assert unknown.value.value == "THREE" and "ONE" in unknown.value.expected
