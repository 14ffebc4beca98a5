"""Events for handlers: written with the move they tell of, and with no other."""

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import claim, outcomes, requests, submit, workers
from connector.jobs.job import NewJob, Run
from connector.jobs.levels import Thresholds
from connector.jobs.outbox import MAX_PAYLOAD, NOBODY, Event, Outbox
from connector.jobs.outbox_tables import outbox
from connector.jobs.snapshot import of_job, to_job
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token, stored_at
from tests.jobs.conftest import OTHER, WORKER, Jobs

ALL = Outbox({("Test", event): f"to{event}" for event in Event if event is not Event.QUEUE})
RULES = Thresholds(most=4, filling=0.6, emptying=0.5)
LEVELS = Outbox({("Test", Event.QUEUE): "levels"}, {"Test": RULES})


def told(kit: Jobs) -> list[Any]:
    """Return the events stored, in order."""
    with kit.database.engine.connect() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


def names(kit: Jobs) -> list[str]:
    return [row.event for row in told(kit)]


def claimed(kit: Jobs, token: str, told: Outbox = ALL, worker: str = WORKER) -> Run:
    with kit.alive(worker):
        runs = kit.database.run(told.claiming, claim.claim, kit.job(token).queue, worker, 1000)
    return next(run for run in runs if run.token == token)


def finish(result: dict[str, Any], run: Run) -> Any:
    return lambda tx: outcomes.finish(tx, run, result)


def test_a_start_is_told_with_the_job_as_it_is_then(kit: Jobs) -> None:
    token = kit.submit()
    claimed(kit, token)
    (row,) = told(kit)
    assert (row.event, row.handler, row.token, row.queue) == ("OnStart", "toOnStart", token, "Test")
    assert to_job(row.payload["job"]) == kit.job(token) and row.payload["parameters"] == {}
    assert stored_at(row.event_id) is not None and row.next_at == row.at and not row.attempts


@pytest.mark.parametrize(
    ("result", "events"),
    [
        ({"a": 1}, ["OnFinish"]),
        ({"tasks": {"success": ["A"]}}, ["OnFinish"]),
        ({"tasks": {"failed": [{"@message": "Gone", "$": "A"}]}}, ["OnErrorReport", "OnFinish"]),
        ({"documentcounts": {"documentcount": [{"@errors": "0"}]}}, ["OnFinish"]),
        (
            {"documentcounts": {"documentcount": [{"@errors": "0"}, {"@errors": "2"}]}},
            ["OnErrorReport", "OnFinish"],
        ),
    ],
)
def test_an_end_is_told_and_before_it_what_went_wrong_on_the_way(
    kit: Jobs, result: dict[str, Any], events: list[str]
) -> None:
    run = kit.running()
    assert kit.database.run(ALL.ending, run, finish(result, run)) is State.FINISHED
    assert names(kit) == events
    assert {row.payload["job"]["state"] for row in told(kit)} == {"finished"}


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED, State.CANCELLED])
def test_every_other_end_is_told_as_an_error(kit: Jobs, state: State) -> None:
    if state is State.CANCELLED:
        token = kit.submit()
        kit.database.run(requests.cancel, token, "test", outbox=ALL)
        kit.database.run(requests.cancel, token, "test", outbox=ALL)
    else:
        run = kit.running()
        write = partial(outcomes.fail, run=run, error="broken")
        if state is State.STOPPED:
            kit.database.run(requests.stop, run.token, "test", outbox=ALL)
        kit.database.run(ALL.ending, run, lambda tx: write(tx))
    (row,) = told(kit)
    assert row.event == "OnError" and row.payload["job"]["state"] == state


def test_what_is_stopped_before_it_starts_is_told(kit: Jobs) -> None:
    token = kit.submit()
    assert kit.database.run(requests.stop, token, "test", outbox=ALL) is State.CANCELLED
    assert names(kit) == ["OnError"]


def test_an_attempt_that_is_not_the_last_tells_no_end(kit: Jobs) -> None:
    run = kit.running()
    again = partial(outcomes.retry, run=run, error="not yet", pause=0.0, max_attempts=3)
    assert kit.database.run(ALL.ending, run, lambda tx: again(tx)) is State.QUEUED
    assert told(kit) == []
    claimed(kit, run.token)
    assert [row.payload["job"]["attempt"] for row in told(kit)] == [2]


def test_a_repeat_of_a_write_whose_commit_was_in_doubt_tells_nothing_again(kit: Jobs) -> None:
    run = kit.running()
    for _ in range(2):
        assert kit.database.run(ALL.ending, run, finish({}, run)) is State.FINISHED
    assert names(kit) == ["OnFinish"]


def test_a_stop_that_a_rescue_honours_is_told(kit: Jobs) -> None:
    run = kit.running(OTHER)
    kit.database.run(requests.stop, run.token, "test")
    assert workers.rescue(kit.database, "test", outbox=ALL) == [run.token]
    assert [(row.event, row.payload["job"]["state"]) for row in told(kit)] == [
        ("OnError", "stopped")
    ]


def test_nothing_is_told_of_a_move_that_was_taken_back(kit: Jobs) -> None:
    run = kit.running()

    def broken(tx: Tx) -> None:
        ALL.ending(tx, run, finish({}, run))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kit.database.run(broken)
    assert told(kit) == [] and kit.state(run.token) is State.RUNNING


def test_without_a_handler_nothing_is_stored_and_no_statement_is_sent(kit: Jobs) -> None:
    elsewhere = Outbox({("Other", event): "x" for event in Event})
    counts = []
    for wanted in (None, NOBODY, elsewhere):
        statements: list[str] = []
        run = kit.running()
        note = partial(_note, statements)
        sa.event.listen(kit.database.engine, "before_cursor_execute", note)
        if wanted is None:
            kit.database.run(outcomes.finish, run, {})
        else:
            kit.database.run(wanted.ending, run, finish({}, run))
        sa.event.remove(kit.database.engine, "before_cursor_execute", note)
        counts.append([each for each in statements if "jobs" in each])
    assert counts[0] == counts[1] == counts[2] != []
    assert told(kit) == []


def _note(statements: list[str], *given: Any) -> None:
    statements.append(given[2])


def test_of_a_long_result_a_note_is_told_in_its_place(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(ALL.ending, run, finish({"long": "x" * MAX_PAYLOAD}, run))
    (row,) = told(kit)
    assert "GetResults" in row.payload["job"]["result"]["result_note"]["$"]


def test_a_job_comes_back_from_its_snapshot(kit: Jobs) -> None:
    for state in State:
        token, _ = kit.in_state(state)
        assert to_job(of_job(kit.job(token))) == kit.job(token)


def stored(kit: Jobs, count: int) -> list[str]:
    """Store so many jobs, as http does."""
    new = [NewJob(new_token(), "Test", {}) for _ in range(count)]

    def both(tx: Tx) -> None:
        submit.submit(tx, new, most={"Test": RULES.most})
        LEVELS.level(tx, "Test")

    kit.database.run(both)
    return [job.token for job in new]


def levels(kit: Jobs) -> list[tuple[str, int | None]]:
    """Return the queue events told so far, with the sizes they name; and forget them."""
    found = [(row.payload["queueEventType"], row.payload.get("queueSize")) for row in told(kit)]
    with kit.database.engine.begin() as connection:
        connection.execute(sa.delete(outbox))
    return found


def test_a_queue_tells_when_it_fills_and_when_it_empties_and_each_once(kit: Jobs) -> None:
    tokens = stored(kit, 2)
    assert levels(kit) == []
    tokens += stored(kit, 1)
    assert levels(kit) == [("QueueFilling", 3)], "above 0.6 of 4"
    tokens += stored(kit, 1)
    assert levels(kit) == [("QueueFull", 4)]
    stored(kit, 1)
    assert levels(kit) == [], "refused, and told already"
    for count, events in enumerate([[], [], [("QueueEmptying", 1)], [("QueueEmpty", None)]]):
        kit.database.run(requests.cancel, tokens[count], "test", outbox=LEVELS)
        assert levels(kit) == events


def test_a_queue_that_is_filled_at_once_tells_both_and_emptied_at_once_too(kit: Jobs) -> None:
    stored(kit, 4)
    assert [event for event, _ in levels(kit)] == ["QueueFilling", "QueueFull"]
    with kit.alive(WORKER):
        kit.database.run(LEVELS.claiming, claim.claim, "Test", WORKER, 10)
    assert [event for event, _ in levels(kit)] == ["QueueEmptying", "QueueEmpty"]
    stored(kit, 3)
    assert [event for event, _ in levels(kit)] == ["QueueFilling"]


def test_a_queue_without_a_limit_tells_that_it_is_empty_and_no_more(kit: Jobs) -> None:
    unlimited = Outbox({("Test", Event.QUEUE): "levels"}, {"Test": Thresholds(0, 0.6, 0.5)})
    for _ in range(2):
        token = kit.submit()
        kit.database.run(unlimited.level, "Test")
        kit.database.run(requests.cancel, token, "test", outbox=unlimited)
    assert [row.payload for row in told(kit)] == [{"queueEventType": "QueueEmpty"}] * 2
    assert [row.token for row in told(kit)] == [None, None]


def test_a_move_that_was_missed_is_told_when_somebody_looks(kit: Jobs) -> None:
    stored(kit, 4)
    levels(kit)
    with kit.database.engine.begin() as connection:
        gone = {"state": State.CANCELLED, "ended_at": sa.func.now(), "changed_by": "test"}
        connection.execute(sa.update(jobs).values(gone))
    kit.database.run(LEVELS.level, "Test")
    assert [event for event, _ in levels(kit)] == ["QueueEmptying", "QueueEmpty"]
