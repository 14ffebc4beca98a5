"""QueueInfo's verbs: about one action, about all that a filter chooses, about the queue."""

from collections.abc import Iterator

import pytest

from connector.db.engine import Database
from connector.jobs import outcomes, requests
from connector.jobs.job import Run
from connector.jobs.states import Requested, State
from tests.aci.queueing import (
    WORKER,
    ask,
    counts,
    in_state,
    job,
    listed,
    refused,
    running,
    target,
    told,
)
from tests.aci.serving import Echo, Face, facing


class Pausable(Echo):
    pausable = True


@pytest.fixture
def pausable(database: Database, empty_url: str) -> Iterator[Face]:
    with facing(empty_url, actions={"Echo": Pausable()}) as face:
        yield face


def test_one_action_is_paused_and_resumed(pausable: Face) -> None:
    face = pausable
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


def test_a_queue_is_paused_with_what_runs_and_resumed(pausable: Face) -> None:
    face = pausable
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


def test_what_runs_and_cannot_go_on_later_is_not_paused(face: Face) -> None:
    waits, runs = [face.token() for _ in range(2)][::-1]
    running(face)
    code, sentence = refused(face, "Pause", Token=runs)
    assert code == "ERRORSTATE" and "QueueAction=Stop" in sentence and runs in sentence
    done = ask(face, "Pause", State="Queued,Processing")
    assert counts(done) == ("2", "1", "1") and told(done) == {waits: "Paused"}
    assert job(face, runs).requested is None


def test_what_is_so_already_is_passed_over_and_not_counted_as_changed(pausable: Face) -> None:
    tokens = [pausable.token() for _ in range(3)]
    running(pausable, 2)
    pausable.database.run(requests.pause, tokens[0], "test")
    done = ask(pausable, "Resume")
    assert counts(done) == ("2", "1", "1") and told(done) == {tokens[0]: "Processing"}
    assert counts(ask(pausable, "Resume")) == ("2", "0", "2")
    assert counts(ask(pausable, "ChangePriority", State="Queued", Priority="0"))[1] == "0"
    ask(pausable, "Cancel", Token=tokens[2])
    assert counts(ask(pausable, "Cancel", State="Cancelled")) == ("1", "0", "1")


def test_verbs_about_many_take_them_in_the_order_that_is_asked_for(face: Face) -> None:
    tokens = [face.token() for _ in range(5)]
    given = {"State": "Queued", "MaxResults": "2", "Sort_Order": "ascending"}
    assert set(told(ask(face, "Cancel", **given))) == set(tokens[:2])
    assert counts(ask(face, "Cancel", After=tokens[3], Preview="true"))[0] == "1"
    assert set(told(ask(face, "Cancel", After=tokens[3]))) == {tokens[2]}
    assert set(told(ask(face, "Cancel", After=tokens[3], Sort_Order="ascending"))) == {tokens[4]}


@pytest.mark.parametrize("verb", ["GetActionParameters", "GetStatus", "Progress"])
@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("by", ["queue-time", "start-time", "finish-time"])
def test_pages_end_and_are_the_whole_in_every_order(
    lone_face: Face, verb: str, order: str, by: str
) -> None:
    tokens = {lone_face.token() for _ in range(5)}
    running(lone_face, 9)
    given = {"Sort_By": by, "Sort_Order": order}
    whole = listed(lone_face, verb, **given)
    assert set(whole) == tokens
    assert whole == sorted(whole, reverse=order == "descending") or by == "start-time"
    seen: list[str] = []
    while page := listed(lone_face, verb, MaxResults="2", After=seen[-1] if seen else "", **given):
        seen += page
        assert len(seen) <= len(tokens)
    assert seen == whole


def test_the_action_id_is_told_beside_the_parameters(face: Face) -> None:
    token = face.token("/action=Echo&To=you&ActionID=mine")
    sent = ask(face, "GetActionParameters", Token=token).findall("actions/action/parameter")
    given = {p.get("name"): p.text for p in sent}
    assert given == {"To": "you", "ActionID": "mine", "Times": "1", "Loud": "false"}
    assert in_state(face, State.QUEUED) in told(ask(face, "GetActionParameters"))


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
