"""What the doctor finds, on every engine, and that it finds nothing where nothing is wrong."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from connector.cli import doctor
from connector.config import Settings, load
from connector.db.engine import Database, Tx
from connector.jobs import submit, tables, workers
from connector.jobs.job import NewJob
from connector.jobs.tables import job_transitions, jobs
from connector.jobs.token import new_token
from tests import leases

WORKER = "00000000-0000-7000-8000-00000000000a"


@pytest.fixture
def settings(empty_url: str) -> Settings:
    return load(None, {"CONNECTOR_DATABASE_URL": empty_url}, {}, ("Test",)).settings


def findings(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    well = doctor.run(database, settings)
    said = capsys.readouterr().out
    assert well == ("WRONG" not in said)
    return said


def execute(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def place(database: Database) -> str:
    return f"{database.schema}." if database.schema else ""


def test_nothing_is_wrong_with_a_fresh_schema_and_nothing_is_left_behind(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    said = findings(database, settings, capsys)
    assert "WRONG" not in said and said.count("ok ") == len(doctor.CHECKS)
    inspector = sa.inspect(database.engine)
    assert not [name for name in inspector.get_schema_names() if "doctor" in name]


def test_a_guard_that_was_removed_is_told_with_the_remedy(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    trigger = {
        "sqlite": "DROP TRIGGER jobs_guard_insert",
        "mariadb": "DROP TRIGGER jobs_guard_insert",
        "postgresql": f"DROP TRIGGER jobs_guard ON {place(database)}jobs",
    }[database.dialect.name]
    execute(database, trigger)
    said = findings(database, settings, capsys)
    assert "trigger jobs_guard" in said and "is missing" in said and "->" in said


def test_a_guard_that_was_disabled_and_an_index_of_a_stranger_are_told(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(database, f"CREATE INDEX theirs ON {place(database)}jobs (priority)")
    if database.schema:
        execute(database, f"ALTER TABLE {database.schema}.jobs DISABLE TRIGGER jobs_guard")
    said = findings(database, settings, capsys)
    assert "theirs is there, and none of ours" in said
    if database.schema:
        assert "trigger jobs_guard differs" in said


def test_a_missing_move_a_silent_worker_and_a_late_action_are_told(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    leases.register(database, WORKER)
    token, long_ago = new_token(), datetime.now(UTC) - timedelta(hours=1)
    database.run_at(long_ago, submit.submit, [NewJob(token, "Test", {})])
    late = sa.update(tables.workers).values(beat_at=long_ago, environment="elsewhere")
    gone = sa.delete(job_transitions).where(job_transitions.c.verb == "suspend")
    database.run(lambda tx: (tx.execute(late), tx.execute(gone)))
    said = findings(database, settings, capsys)
    assert "the move suspend running paused is missing" in said
    assert f"worker {WORKER} on host (pid 1) has been silent for 36" in said
    assert "works for elsewhere, the data belongs to none: it claims nothing" in said
    assert "in Test an action has been due for 60 minutes" in said


def test_a_row_changed_with_triggers_off_is_told(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    token = new_token()
    database.run(submit.submit, [NewJob(token, "Test", {})])
    spoilt = sa.update(jobs).where(jobs.c.token == token)
    spoilt = spoilt.values(state="running", failures=5, changed_by="test")
    database.run(lambda tx: tx.execute(spoilt))
    assert f"the row of {token} contradicts itself" in findings(database, settings, capsys)


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_a_worker_without_a_listening_connection_is_told(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    database.run_at(datetime.now(UTC) - timedelta(minutes=1), _register)
    database.run(workers.beat, WORKER)
    said = findings(database, settings, capsys)
    assert "the worker 1 on host is deaf" in said and "[Database] DirectURL" in said
    with psycopg.connect(
        settings.database.url.get_secret_value(), application_name="listener/host/1"
    ):
        assert "is deaf" not in findings(database, settings, capsys)


def _register(tx: Tx) -> None:
    me = workers.Worker(WORKER, "host", "boot", 1, "0", {})
    workers.register(tx, me, {"Test": 60.0})
