"""The database itself refuses what is not a legal move, whoever asks and in whatever words."""

import itertools
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.jobs import outcomes
from connector.jobs.states import FINAL, LEGAL, State
from connector.jobs.tables import job_events, job_transitions, jobs
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs


def test_only_legal_moves_are_taken(kit: Jobs) -> None:
    for source, target in itertools.product(State, State):
        token, _ = kit.in_state(source)
        ended = "CURRENT_TIMESTAMP" if target in FINAL else "NULL"
        text = f"UPDATE jobs SET state = :target, ended_at = {ended}, changed_by = 'dba' "
        move = sa.text(text.replace("jobs", _qualified(kit)) + "WHERE token = :token")
        if (source, target) in LEGAL or source is target:
            with kit.database.engine.begin() as connection:
                connection.execute(move, {"target": target.value, "token": token})
            assert kit.state(token) is target
        else:
            before = kit.row(token)
            with pytest.raises(DBAPIError, match="legal"):
                with kit.database.engine.begin() as connection:
                    connection.execute(move, {"target": target.value, "token": token})
            assert kit.row(token) == before


def _qualified(kit: Jobs) -> str:
    return f"{kit.database.schema}.jobs" if kit.database.schema else "jobs"


def test_a_job_is_born_queued(kit: Jobs) -> None:
    born = kit.row(kit.submit())
    for state in set(State) - {State.QUEUED}:
        ended = born["queued_at"] if state in FINAL else None
        row = {**born, "token": new_token(), "state": state, "ended_at": ended}
        with pytest.raises(DBAPIError, match="queued"):
            with kit.database.engine.begin() as connection:
                connection.execute(sa.insert(jobs).values(row))


def test_only_what_is_final_can_be_deleted(kit: Jobs) -> None:
    for source in State:
        token, _ = kit.in_state(source)
        delete = sa.delete(jobs).where(jobs.c.token == token)
        if source in FINAL:
            with kit.database.engine.begin() as connection:
                assert connection.execute(delete).rowcount == 1
        else:
            with pytest.raises(DBAPIError, match="only a job that has ended"):
                with kit.database.engine.begin() as connection:
                    connection.execute(delete)
            assert kit.state(token) is source


def test_a_change_by_hand_leaves_a_trace(kit: Jobs) -> None:
    token = kit.submit()
    kit.by_hand(token, state="paused")
    kit.by_hand(token, state="queued")
    assert kit.events(token) == ["by hand", "by hand"]
    kit.claim(token)
    assert kit.events(token) == ["by hand", "by hand"], "our own moves are told by the row"


def test_the_trace_tells_the_move_and_who_made_it(kit: Jobs) -> None:
    run = kit.running()
    kit.by_hand(run.token, state="queued")
    with kit.database.engine.connect() as connection:
        row = connection.execute(sa.select(job_events).where(job_events.c.token == run.token)).one()
    assert (row.event, row.source, row.target, row.attempt) == ("by hand", "running", "queued", 1)
    user = row.actor.partition("@")[0]
    assert user == (connection.engine.url.username or "by hand")
    assert abs(row.at - kit.job(run.token).queued_at) < timedelta(minutes=1)


@pytest.mark.parametrize("attempts", [1, 2])
def test_what_identifies_a_job_cannot_be_spoilt(kit: Jobs, attempts: int) -> None:
    run = kit.running()
    if attempts == 2:
        kit.database.run(outcomes.release, run, "shutdown")
        run = kit.claim(run.token)
    before = kit.row(run.token)
    changes: list[dict[str, object]] = [
        {"attempt": run.attempt - 1},
        {"token": new_token()},
        {"queued_at": kit.job(run.token).queued_at + timedelta(seconds=1)},
        {"state": "lost"},
        {"requested": "dance"},
        {"ended_at": kit.job(run.token).queued_at},
    ]
    for change in changes:
        with pytest.raises(DBAPIError):
            kit.by_hand(run.token, **change)
        assert kit.row(run.token) == before, change


def test_the_moves_in_the_database_are_those_of_the_program(kit: Jobs) -> None:
    with kit.database.engine.connect() as connection:
        rows = connection.execute(sa.select(job_transitions.c.source, job_transitions.c.target))
        assert {(State(row.source), State(row.target)) for row in rows} == LEGAL
