"""The roles of PostgreSQL: each can do its work, and nothing else."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.datastore import content, holding
from connector.db import api_keys, schema
from connector.db.engine import Database
from connector.db.errors import DatabaseError
from connector.jobs import (
    bulk,
    claim,
    fence,
    firing,
    operate,
    outcomes,
    progress,
    reading,
    requests,
    results,
    retention,
    schedules,
    submit,
    turns,
    waiting,
    workers,
)
from connector.jobs.counting import Counting
from connector.jobs.firing import Firing
from connector.jobs.job import NewJob, Overlap
from connector.jobs.schedules import Schedule
from connector.jobs.states import State
from connector.jobs.tables import stored_counts, stored_late
from connector.jobs.timing import Timing
from connector.jobs.token import new_token
from connector.jobs.why import why
from tests.jobs.conftest import count_at_once
from tests.roles import SCHEMA, prepared

DENIED, NOT_OWNER = "42501", "42809"
WORKER = workers.Worker(new_token(), "here", "boot", 1, "0", {"queues": {"Test": 1}, "tasks": []})


@pytest.fixture
def as_role(empty_url: str) -> Iterator[Callable[[str], Database]]:
    """Open the database as one of the roles."""
    urls, opened = prepared(empty_url), []

    def opening(kind: str) -> Database:
        opened.append(Database(urls[kind], application=kind))
        return opened[-1]

    yield opening
    for database in opened:
        database.close()


pytestmark = pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
As = Callable[[str], Database]


def test_the_roles_together_take_an_action_through_its_life(as_role: As) -> None:
    http, worker, slot = as_role("http"), as_role("worker"), as_role("slot")
    operator, reader = as_role("operator"), as_role("reader")
    for database in (http, worker, slot, operator, reader):
        schema.check(database)
    worker.run(workers.register, WORKER, {"Test": 60.0})
    token, other = new_token(), new_token()
    http.run(submit.submit, [NewJob(token, "Test", {}, tasks=("A",)), NewJob(other, "Test", {})])
    http.notify({"Test"})
    assert http.run(why, other).state is State.QUEUED
    assert worker.read(waiting.due, ["Test"])
    (run,) = worker.run(turns.claim_in_turn, "Test", WORKER.id, 1, ["A"])
    assert worker.run(workers.beat, WORKER.id)
    worker.run(progress.save, run, progress={"n": 1}, checkpoint={"n": 1})
    with slot.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT current_user")).scalar() == f"{SCHEMA}_slot"
    assert slot.run(fence.holds, run.token, run.attempt, WORKER.id)
    http.run(requests.stop, run.token, "http you")
    assert worker.read(progress.held, WORKER.id, [run])
    assert worker.run(outcomes.finish, run, {}) is State.STOPPED
    assert operator.run(requests.reopen, token, "cli me") is State.QUEUED
    operator.run(requests.reprioritise, token, 3, "cli me")
    operator.run(operate.pause_queue, "Test", "cli me")
    operator.run(operate.drain, "here", "cli me")
    operator.run(operate.undrain, "here")
    operator.run(operate.resume_queue, "Test", "cli me")
    (lost,) = worker.run(turns.claim_in_turn, "Test", WORKER.id, 1, ["A"])
    operator.run(operate.restored, "", "cli me")
    assert workers.rescue(operator, "cli me") == [lost.token]
    assert [job.token for job in http.read(reading.page, "Test")] == [other, token]
    assert reader.read(
        lambda tx: tx.execute(sa.text(f"SELECT * FROM {SCHEMA}.why('{token}')")).one()
    )
    http.run(operate.set_paused, "Test", True, "http you")
    http.run(operate.set_paused, "Another", False, "http you")
    copy, key = new_token(), new_token()
    made = http.read(bulk.copy_of, other, copy, "http you")
    assert http.run(submit.submit, [made]) == [copy]
    http.run(submit.submit, [NewJob(key, "Test", {}, key="once")])
    assert http.run(bulk.each, [copy, key], requests.cancel, "http you")
    assert retention.prune(worker, {State.CANCELLED: 0.0}) == 2
    http.run(requests.cancel, other, "http you")
    assert retention.prune(worker, {State.CANCELLED: 0.0}) == 1
    assert list(http.read(reading.get, [token, other])) == [token]


def test_a_slot_writes_what_its_task_has_delivered(as_role: As) -> None:
    http, worker, slot = as_role("http"), as_role("worker"), as_role("slot")
    worker.run(workers.register, WORKER, {"Test": 60.0})
    http.run(submit.submit, [NewJob(new_token(), "Test", {}, tasks=("A",))])
    (run,) = worker.run(turns.claim_in_turn, "Test", WORKER.id, 1, ["A"])
    slot.run(holding.hold, holding.Holder("A", run.token, run.attempt))
    assert slot.read(content.rooms, "A") == {}


def test_a_worker_fires_schedules_and_an_operator_changes_them(as_role: As) -> None:
    worker, operator, http = as_role("worker"), as_role("operator"), as_role("http")
    worker.run(workers.register, WORKER, {"Test": 60.0})
    daily = Schedule("A", "Test", {}, Timing("now", repeat=86400))
    assert worker.run(schedules.arrange, [daily], "worker register") == ["A"]
    assert worker.read(firing.wait, ["A"]) == 0.0
    fired = worker.run(firing.fire, ["A"], Firing(WORKER.id, overlap=Overlap.REFUSE))
    assert fired is not None and fired.token is not None
    operator.run(schedules.ask, "A", "cli me")
    assert operator.run(schedules.skip, "A", "cli me")
    assert operator.read(schedules.listed)[0].asked_by == "cli me"
    assert worker.run(schedules.sweep) == ["A"]
    joins = NewJob(new_token(), "Test", {}, ("A",), overlap=Overlap.JOIN)
    assert http.run(submit.submit, [joins]) == [fired.token]


def test_a_worker_stores_a_large_result_http_reads_it_and_has_it_run_again(as_role: As) -> None:
    http, worker = as_role("http"), as_role("worker")
    worker.run(workers.register, WORKER, {"Test": 60.0})
    token = new_token()
    http.run(submit.submit, [NewJob(token, "Test", {})])
    (run,) = worker.run(claim.claim, "Test", WORKER.id, 1)
    worker.run(outcomes.fail, run, "why", {}, ["head", "part"])
    assert http.read(results.some, token, 1, 0) == ["head", "part"]
    http.run(requests.reopen, token, "http me")
    assert worker.read(lambda tx: list(results.every(tx))) == []


def test_a_worker_counts_beforehand_and_http_reads_the_numbers(
    as_role: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_at_once(monkeypatch)
    http, worker = as_role("http"), as_role("worker")
    http.run(submit.submit, [NewJob(new_token(), "Test", {})])
    count = Counting(worker)
    while count.step():
        pass
    old = "00000000-0000-7000-8000-000000000000"
    http.run(submit.submit, [NewJob(old, "Test", {})])
    assert http.read(reading.counts, "Test").states[State.QUEUED] == 2
    while count.step():
        pass
    tallied, late = sa.select(stored_counts.c.jobs), sa.select(stored_late.c.token)
    assert worker.read(lambda tx: tx.execute(tallied).scalar()) == 2
    assert worker.read(lambda tx: tx.execute(late).first()) is None
    assert http.read(reading.open_counts) == {("Test", State.QUEUED): 2}


def test_an_operator_makes_and_revokes_the_keys_that_http_looks_up(as_role: As) -> None:
    operator, http = as_role("operator"), as_role("http")
    key = operator.run(api_keys.create, "ci", ["Query"], None, "cli me")
    identity = api_keys.public_part(key) or ""
    assert api_keys.matches(http.read(api_keys.live)[identity], key)
    assert operator.run(api_keys.revoke, identity, "cli me")
    assert http.read(api_keys.live) == {}


def test_the_functions_are_for_operators_alone(as_role: As) -> None:
    token = new_token()
    as_role("http").run(submit.submit, [NewJob(token, "Test", {})])
    call = sa.text(f"SELECT {SCHEMA}.cancel_job('{token}', 'why not')")
    for kind in ("http", "worker", "slot", "reader"):
        assert denied(as_role(kind), call)
    operator = as_role("operator")
    assert operator.run(lambda tx: tx.execute(call).scalar()) == "cancelled"
    (event,) = operator.read(reading.trail, token)
    assert (event.actor, event.reason) == (f"sql {SCHEMA}_operator", "why not")


FORBIDDEN = {
    "http": (
        "UPDATE {s}.jobs SET attempt = attempt + 1",
        "UPDATE {s}.jobs SET parameters = '{{}}'",
        "DELETE FROM {s}.jobs",
        "DELETE FROM {s}.job_results",
        "UPDATE {s}.stored_counts SET jobs = 0",
        "INSERT INTO {s}.stored_late SELECT token, queue FROM {s}.jobs",
        "SELECT setval('{s}.counted_upto', 1)",
        "DELETE FROM {s}.workers",
        "UPDATE {s}.queues SET max_running = 1",
        "UPDATE {s}.idempotency_keys SET token = token",
        "DELETE FROM {s}.queues",
        "SELECT * FROM {s}.schedules",
        "UPDATE {s}.api_keys SET roles = 'Admin'",
        "INSERT INTO {s}.api_keys SELECT * FROM {s}.api_keys",
    ),
    "worker": (
        "SELECT * FROM {s}.api_keys",
        "UPDATE {s}.job_results SET content = ''",
        "UPDATE {s}.tasks SET counts = NULL",
        "UPDATE {s}.schema_info SET version = 9",
    ),
    "slot": (
        "UPDATE {s}.jobs SET state = 'finished'",
        "DELETE FROM {s}.jobs",
        "INSERT INTO {s}.job_events (token, at, event, actor) "
        "SELECT token, now(), 'x', 'x' FROM {s}.jobs",
        "SELECT * FROM {s}.workers",
        "SELECT * FROM {s}.job_results",
        "SELECT * FROM {s}.api_keys",
    ),
    "operator": (
        "DELETE FROM {s}.jobs",
        "UPDATE {s}.tasks SET counts = NULL",
        "UPDATE {s}.job_transitions SET target = 'queued'",
        "UPDATE {s}.job_events SET actor = 'nobody'",
        "UPDATE {s}.api_keys SET roles = 'Admin'",
        "DELETE FROM {s}.api_keys",
        "UPDATE {s}.schedules SET runs = 0",
    ),
    "reader": ("SELECT {s}.grant_rights()",),
}
DDL = (
    "CREATE TABLE {s}.theirs (n int)",
    "CREATE TABLE public.theirs (n int)",
    "CREATE SCHEMA theirs",
    "ALTER TABLE {s}.jobs DISABLE TRIGGER jobs_guard",
    "DROP TABLE {s}.job_tasks",
    "TRUNCATE {s}.jobs CASCADE",
)


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_role_may_do_nothing_else_and_create_nowhere(as_role: As, kind: str) -> None:
    database = as_role(kind)
    for text in (*FORBIDDEN[kind], *DDL):
        assert denied(database, sa.text(text.format(s=SCHEMA))), text


def test_a_reader_writes_nothing(as_role: As) -> None:
    with pytest.raises(DatabaseError, match="read-only transaction"):
        as_role("reader").run(lambda tx: tx.execute(sa.text(f"DELETE FROM {SCHEMA}.jobs")))


def denied(database: Database, statement: sa.TextClause) -> bool:
    """Say whether the server refuses it for want of rights."""
    try:
        with database.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.execute(statement)
    except DBAPIError as error:
        told = getattr(error.orig, "sqlstate", None)
        assert told in (DENIED, NOT_OWNER), error
        return True
    return False
