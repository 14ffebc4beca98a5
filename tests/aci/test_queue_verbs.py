"""QueueInfo's verbs: about one action, about all that a filter chooses, about the queue."""

from collections.abc import Mapping
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from connector.db.engine import Database
from connector.jobs import claim, outcomes, reading
from connector.jobs.job import Job, Run
from connector.jobs.states import Requested, State
from tests import leases
from tests.aci.serving import Echo, Face, facing

WORKER = "00000000-0000-7000-8000-00000000000a"


def ask(face: Face, verb: str, **given: str) -> ET.Element:
    data = face.get(target(verb, given))
    assert data.findtext("response") == "SUCCESS", ET.tostring(data)
    found = data.find("responsedata")
    assert found is not None
    return found


def target(verb: str, given: Mapping[str, str]) -> str:
    names = {name.replace("_", "-"): value for name, value in given.items()}
    parameters = {"QueueName": "Echo", "QueueAction": verb, **names}
    return "/action=QueueInfo&" + urlencode(parameters)


def told(data: ET.Element) -> dict[str, str]:
    return {
        action.findtext("token", ""): action.findtext("status", "")
        for action in data.findall("actions/action")
    }


def job(face: Face, token: str) -> Job:
    found: dict[str, Job] = face.database.read(reading.get, [token])
    return found[token]


def running(face: Face, limit: int = 1) -> list[Run]:
    with leases.alive(face.database, WORKER):
        return face.database.run(claim.claim, "Echo", WORKER, limit)


def test_one_action_is_paused_and_resumed(face: Face) -> None:
    token = face.token()
    assert told(ask(face, "Pause", Token=token)) == {token: "Paused"}
    assert running(face) == []
    assert told(ask(face, "Resume", Token=token)) == {token: "Queued"}
    (run,) = running(face)
    assert told(ask(face, "pause", token=token)) == {token: "Processing"}
    assert job(face, token).requested is Requested.PAUSE
    face.database.run(outcomes.release, run, "as asked")
    assert face.action(token).findtext("status") == "Paused"


def test_what_has_not_ended_is_left_alone_by_retry(face: Face) -> None:
    token = face.token()
    assert told(ask(face, "Retry", Token=token)) == {token: "Queued"}
    error = face.error(target("Retry", {"Token": "0" * 8 + token[8:]}))
    assert error["errorcode"] == "ERRORTOKENUNKNOWN"


def test_an_action_that_failed_is_run_again(face: Face) -> None:
    token = face.token()
    (run,) = running(face)
    face.database.run(outcomes.fail, run, "broken")
    assert told(ask(face, "Retry", Token=token)) == {token: "Queued"}
    assert running(face)[0].attempt == 2
    face.database.run(outcomes.finish, Run(token, 2, WORKER, "Echo", {}), {})
    error = face.error(target("Retry", {"Token": token}))
    assert error["errorcode"] == "ERRORSTATE" and "Finished" in error["errordescription"]


def test_a_larger_priority_runs_sooner(face: Face) -> None:
    first, second = face.token(), face.token()
    assert told(ask(face, "ChangePriority", Token=second, Priority="100")) == {second: "Queued"}
    assert face.action(second).findtext("priority") == "100"
    assert [run.token for run in running(face, 2)] == [second, first]
    for bad in ("", "high", "1.5", "99999999999"):
        error = face.error(target("ChangePriority", {"Token": first, "Priority": bad}))
        assert error["errordescription"].count("Priority")


def test_a_copy_runs_beside_the_original(face: Face) -> None:
    token = face.token("/action=Echo&To=you&Word=hello")
    copy = ask(face, "Duplicate", Token=token).findtext("token", "")
    assert copy != token and face.action(copy).findtext("status") == "Queued"
    (run,) = running(face)
    face.database.run(outcomes.finish, run, {})
    again = ask(face, "Duplicate", Token=token).findtext("token", "")
    listed = ask(face, "GetActionParameters", Token=again)
    given = {p.get("name"): p.text for p in listed.findall("actions/action/parameter")}
    assert given["Word"] == "hello" and given["To"] == "you"


def test_parameters_of_all_open_actions_are_told(face: Face) -> None:
    open_ones = [face.token(f"/action=Echo&To=n{number}") for number in range(3)]
    over = face.token()
    ask(face, "Cancel", Token=over)
    listed = ask(face, "GetActionParameters").findall("actions/action")
    assert [action.findtext("token") for action in listed] == open_ones[::-1]
    assert over in told(ask(face, "GetActionParameters", State="Cancelled"))
    assert over in told(ask(face, "GetActionParameters", Token=over))


def test_a_queue_is_paused_with_what_runs_and_resumed(database: Database, empty_url: str) -> None:
    class Pausable(Echo):
        pausable = True

    with facing(empty_url, actions={"Echo": Pausable()}) as face:
        first, second = face.token(), face.token()
        (run,) = running(face)
        data = ask(face, "Pause")
        assert data.findtext("queue/paused") == "true" and told(data) == {first: "Processing"}
        face.database.run(outcomes.release, run, "as asked")
        assert running(face) == [], "nothing begins"
        status = ask(face, "QueueStatus").find("queue")
        assert status is not None
        assert {child.tag: child.text for child in status} == {
            "name": "Echo",
            "paused": "true",
            "pending": "1",
            "running": "0",
            "completed": "0",
            "paused_actions": "1",
        }
        assert told(ask(face, "Resume")) == {first: "Queued"}
        assert {run.token for run in running(face, 5)} == {first, second}


def test_what_cannot_go_on_later_is_not_interrupted_by_a_pause_of_its_queue(face: Face) -> None:
    token = face.token()
    running(face)
    assert told(ask(face, "Pause")) == {}
    assert job(face, token).requested is None


def test_many_are_counted_first_and_changed_then(face: Face) -> None:
    tokens = [face.token() for _ in range(5)]
    running(face, 2)
    preview = ask(face, "Cancel", State="Queued", Preview="true")
    assert (preview.findtext("matched"), preview.findtext("complete")) == ("3", "true")
    assert {job(face, token).state for token in tokens} == {State.QUEUED, State.RUNNING}
    done = ask(face, "Cancel", State="Queued")
    assert [done.findtext(name) for name in ("matched", "changed", "skipped")] == ["3", "3", "0"]
    assert told(done) == dict.fromkeys(tokens[2:], "Cancelled")
    again = ask(face, "Retry", State="Cancelled", MaxResults="2")
    assert again.findtext("changed") == "2"


def test_many_get_another_priority_and_others_are_passed_over(face: Face) -> None:
    tokens = [face.token() for _ in range(3)]
    ask(face, "Cancel", Token=tokens[0])
    done = ask(face, "ChangePriority", State="Queued,Cancelled", Priority="7")
    assert [done.findtext(name) for name in ("matched", "changed", "skipped")] == ["3", "2", "1"]
    assert ask(face, "Cancel", Min_Priority="7").findtext("changed") == "2"


@pytest.mark.parametrize("verb", ["Cancel", "Retry", "ChangePriority"])
def test_without_token_and_filter_nothing_is_changed(face: Face, verb: str) -> None:
    token = face.token()
    error = face.error(target(verb, {"Priority": "5"}))
    assert error["errorcode"] == "ERRORPARAMMISSING" and "Token" in error["errordescription"]
    assert job(face, token).state is State.QUEUED


def test_a_row_that_is_locked_holds_up_none_of_the_others(rows_face: Face) -> None:
    tokens = [rows_face.token() for _ in range(3)]
    with rows_face.database.engine.connect() as other, other.begin():
        other.exec_driver_sql(
            f"SELECT token FROM {table(rows_face)} WHERE token = '{tokens[1]}' FOR UPDATE"
        )
        done = ask(rows_face, "Cancel", State="Queued")
        assert (done.findtext("changed"), done.findtext("skipped")) == ("2", "1")
    assert job(rows_face, tokens[1]).state is State.QUEUED


def table(face: Face) -> str:
    schema = face.database.schema
    return f"{schema}.jobs" if schema else "jobs"


@pytest.fixture
def rows_face(face: Face) -> Face:
    if face.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite locks no rows")
    return face


def test_progress_tells_how_much_is_done(face: Face) -> None:
    from connector.jobs import progress

    token = face.token()
    (run,) = running(face)
    face.database.run(progress.save, run, progress={"rooms_done": 1, "rooms_total": 4})
    data = ask(face, "Progress", Token=token)
    assert data.findtext("action/token") == token
    assert data.findtext("action/progress/percent") == "25.000"
    assert data.findtext("action/progress/rooms_total") == "4"
    listed = ask(face, "Progress").findall("actions/action")
    assert [action.findtext("status") for action in listed] == ["Processing"]
