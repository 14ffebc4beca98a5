"""GetStatus of a whole queue: filters, orders, pages, and answers that are long."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from connector.aci import filters, listing
from connector.aci.errors import AciError
from connector.aci.parameters import Parameters
from connector.db.engine import Database
from connector.jobs import claim, outcomes, selection, submit
from connector.jobs.job import NewJob
from connector.jobs.states import FINAL, State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests import leases
from tests.aci.serving import Face

WORKER = "00000000-0000-7000-8000-00000000000a"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 4)
    monkeypatch.setattr(selection, "WINDOW", 6)
    monkeypatch.setattr(selection, "FEW", 3)


def target(**given: str) -> str:
    names = {name.replace("_", "-"): value for name, value in given.items()}
    parameters = {"QueueName": "Echo", "QueueAction": "GetStatus", **names}
    return "/action=QueueInfo&" + urlencode(parameters, quote_via=quote)


def listed(face: Face, **given: str) -> list[str]:
    found = face.get(target(**given))
    assert found.findtext("response") == "SUCCESS", ET.tostring(found)
    return [e.text or "" for e in found.findall("responsedata/actions/action/token")]


def stored(face: Face, count: int) -> list[str]:
    """Store actions and return their tokens, newest first."""
    new = [NewJob(new_token(), "Echo", {"To": "you"}) for _ in range(count)]
    face.database.run(submit.submit, new)
    return [job.token for job in reversed(new)]


def finished(face: Face, count: int, result: dict[str, object]) -> list[str]:
    """Have some run, and finish in the opposite order."""
    with leases.alive(face.database, WORKER):
        runs = face.database.run(claim.claim, "Echo", WORKER, count)
    for run in reversed(runs):
        face.database.run(outcomes.finish, run, result)
    return [run.token for run in reversed(runs)]


def by_hand(database: Database, token: str, **values: object) -> None:
    change = sa.update(jobs).where(jobs.c.token == token).values(changed_by="test", **values)
    database.run(lambda tx: tx.execute(change))


def test_every_action_is_listed_newest_first_and_from_a_cursor_on(face: Face) -> None:
    tokens = stored(face, 15)
    assert listed(face) == tokens
    assert listed(face, MaxResults="5") == tokens[:5]
    assert listed(face, MaxResults="5", After=tokens[4]) == tokens[5:10]
    assert listed(face, MaxResults="0") == []
    stored(face, 3)
    assert listed(face, After=tokens[4]) == tokens[5:], "new ones do not move the others"


def test_no_actions_are_an_empty_list_in_every_format(face: Face) -> None:
    assert listed(face) == []
    for form in ("json", "simplejson"):
        found = json.loads(face.client.get(target(ResponseFormat=form)).content)
        assert found["autnresponse"]["responsedata"]["actions"]["action"] == []


@pytest.mark.parametrize("form", ["xml", "json", "simplejson"])
def test_a_long_answer_is_that_of_a_short_one_put_together(lone_face: Face, form: str) -> None:
    stored(lone_face, 11)
    finished(lone_face, 5, {"a": [{"@n": 1, "$": "é<"}], "b": "c"})
    long = lone_face.client.get(target(ResponseFormat=form))
    assert "content-length" not in long.headers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "PAGE", 1000)
        patch.setattr(selection, "WINDOW", 1000)
        short = lone_face.client.get(target(ResponseFormat=form))
    assert "content-length" in short.headers
    assert long.content == short.content
    assert long.headers["content-type"] == short.headers["content-type"]


def test_states_choose_by_word_state_and_group(face: Face) -> None:
    tokens = stored(face, 8)
    over = finished(face, 3, {})
    waiting = [token for token in tokens if token not in over]
    for word in ("Finished", "finished", "COMPLETED", "error,finished"):
        assert listed(face, State=word) == over
    for word in ("pending", "Queued", "queued,processing"):
        assert listed(face, State=word) == waiting
    assert listed(face, State="Paused") == []
    error = face.error(target(State="finished,lost"))
    assert error["errorcode"] == "ERRORPARAMINVALID" and "cancelled" in error["errordescription"]


def test_maxresults_may_have_blanks_and_be_large(lone_face: Face) -> None:
    tokens = stored(lone_face, 3)
    for text in (" 5", "5 ", "+5", "99999999999999999999999999"):
        assert listed(lone_face, MaxResults=text) == tokens
    for text in ("-1", "1.5", "five", "\u0665"):
        error = lone_face.error(target(MaxResults=text))
        assert error["errorcode"] == "ERRORPARAMINVALID" and "100" in error["errordescription"]


def test_times_choose(face: Face) -> None:
    tokens = stored(face, 3)
    now = datetime.now().astimezone()
    soon = (now + timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M:%S")
    ago = (now - timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M:%S")
    assert listed(face, Queued_After=ago, Queued_Before=soon) == tokens
    assert listed(face, Queued_After=soon) == [] == listed(face, Queued_Before=ago)
    assert listed(face, Finished_After=ago) == []
    assert listed(face, Min_Priority="1") == [] and listed(face, Max_Priority="0") == tokens


def test_starts_and_ends_choose_on_both_sides_of_a_time(face: Face) -> None:
    begun = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    tokens = stored(face, 5)[::-1]
    for number, token in enumerate(tokens):
        start, ended = begun + timedelta(hours=number), begun + timedelta(hours=number, minutes=30)
        by_hand(face.database, token, state="running", attempt=1, started_at=start)
        by_hand(face.database, token, state="finished", ended_at=ended)
    stored(face, 1)
    assert set(listed(face, Started_After="2026-03-01 14:00:00 GMT")) == set(tokens[2:])
    assert set(listed(face, Started_After="2026-03-01 14:00:01 GMT")) == set(tokens[3:])
    assert set(listed(face, Started_Before="2026-03-01 14:00:00 GMT")) == set(tokens[:3])
    assert set(listed(face, Started_Before="2026-03-01 13:59:59 GMT")) == set(tokens[:2])
    assert set(listed(face, Finished_After="2026-03-01 14:30:00 GMT")) == set(tokens[2:])
    assert set(listed(face, Finished_After="2026-03-01 14:30:01 GMT")) == set(tokens[3:])
    assert set(listed(face, Finished_Before="2026-03-01 14:30:00 GMT")) == set(tokens[:3])
    assert set(listed(face, Finished_Before="2026-03-01 14:29:59 GMT")) == set(tokens[:2])


@pytest.mark.parametrize("event", ["Queued", "Started", "Finished"])
def test_the_first_and_last_times_there_are_choose_as_any_other(face: Face, event: str) -> None:
    stored(face, 2)
    over = finished(face, 2, {})
    if event == "Queued":
        over = listed(face)
    else:
        stored(face, 1)
    for last in ("9999-12-31 23:59:59", "9999-12-31 23:59:59 -23:59", "9998-12-31 10:00:00 GMT"):
        assert set(listed(face, **{f"{event}_Before": last})) == set(over)
        assert listed(face, **{f"{event}_After": last}) == []
    for first in ("0001-01-01 00:00:00", "0001-01-01 00:00:00 +14:00", "1970-01-01 00:00:00"):
        assert set(listed(face, **{f"{event}_After": first})) == set(over)
        assert listed(face, **{f"{event}_Before": first}) == []
    given = {"Sort_By": "finish-time", f"{event}_Before": "9999-12-31 23:59:59"}
    assert set(listed(face, **given)) == set(over)
    given = {"Sort_Order": "ascending", f"{event}_After": "0001-01-01 00:00:00"}
    assert set(listed(face, **given)) == set(over)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23 18:30:00 GMT", "2026-11-23 18:30:00"),
        ("2026-11-23 18:30 UTC", "2026-11-23 18:30:00"),
        ("2026-11-23T18:30:00Z", "2026-11-23 18:30:00"),
        ("2026-11-23 18:30:00+02:00", "2026-11-23 16:30:00"),
        ("2026-11-23 18:30:00 America/New_York", "2026-11-23 23:30:00"),
        ("2026-11-23 18:30:00 america/new_york", "2026-11-23 23:30:00"),
        ("2026-11-23 18:30:00 gmt", "2026-11-23 18:30:00"),
        ("2026-11-23 18:30:00 EST", "2026-11-23 23:30:00"),
        ("2026-07-01 12:00:00 pdt", "2026-07-01 19:00:00"),
        ("2026-07-01 12:00:00 CEST", "2026-07-01 10:00:00"),
        ("2026-07-01 12:00:00", "2026-07-01 10:00:00"),
        ("2026-12-01 12:00:00", "2026-12-01 11:00:00"),
        ("12:00:00", "2026-11-23 11:00:00"),
    ],
)
def test_a_time_is_the_servers_unless_it_names_a_zone(
    text: str, utc: str, local_zone: pytest.FixtureRequest
) -> None:
    local_zone("Europe/Berlin")  # type: ignore[operator]
    now = datetime.fromisoformat("2026-11-23T15:00:00+01:00")
    found = filters.moment(text, "Queued-After", now)
    assert found == datetime.fromisoformat(utc + "+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13-01 10:00:00",
        "0000-01-01 10:00:00",
        "2026-01-01 10:00:00 Nowhere",
        "2026-01-01 10:00:00 IST",
        "2026-01-01 10:00:00 +25:00",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AciError, match="18:30:00.*Europe/Berlin"):
        filters.moment(text, "Queued-After", datetime.now().astimezone())


def test_groups_of_states() -> None:
    def states(text: str) -> frozenset[State]:
        return filters.wanted("Q", Parameters([("State", text)])).selection.states

    assert states("completed") == FINAL
    assert states("Interrupted, cancelled") == {State.STOPPED, State.CANCELLED}
    assert states("Stopping") == states("interrupting") == {State.RUNNING}
    assert states("error") == states("failed") == {State.FAILED}
    assert states("running") == states("processing") == {State.RUNNING}


@pytest.mark.parametrize("name", ["Queued", "Started", "Finished"])
def test_the_first_and_the_last_moment_that_can_be_written_choose_too(
    face: Face, name: str
) -> None:
    token = face.token()
    first, last = "1000-01-01 00:00:00 GMT", "9999-12-31 23:59:59 GMT"
    known = [token] if name == "Queued" else []
    assert listed(face, **{f"{name}_Before": last}) == known
    assert listed(face, **{f"{name}_After": first}) == known
    for bound in (f"{name}_After={last}", f"{name}_Before={first}"):
        assert listed(face, **dict([bound.split("=")])) == []
