"""Ends of runs and progress reach the database, whatever is locked."""

import contextlib
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from select import select

import pytest
import sqlalchemy as sa

from connector.config import Settings
from connector.config.database import DatabaseSettings
from connector.config.paths import PathsSettings
from connector.db.engine import Database
from connector.db.errors import Locked
from connector.jobs import progress, reading, workers
from connector.jobs.job import Job, Run
from connector.jobs.news import understood
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.worker.recording import Recorder
from tests.worker.conftest import running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database=DatabaseSettings.model_validate({"url": "sqlite:///unused.db"}),
        paths=PathsSettings(data_directory=tmp_path),
    )


@contextlib.contextmanager
def locked(database: Database, runs: Collection[Run]) -> Iterator[None]:
    """Hold the rows of these jobs in another connection, as somebody does by hand."""
    with database.engine.connect() as connection, connection.begin() as transaction:
        for run in runs:  # one by one: of many MariaDB may scan, and lock, the whole table
            row = sa.select(jobs.c.token).where(jobs.c.token == run.token)
            connection.execute(row.with_for_update())
        yield
        transaction.rollback()


def states(database: Database, runs: Collection[Run]) -> list[State]:
    found: dict[str, Job] = database.read(reading.get, [run.token for run in runs])
    return [found[run.token].state for run in runs]


def test_rows_that_are_locked_cost_one_wait_and_hold_up_nobody(
    rows_lock: Database, settings: Settings
) -> None:
    runs = running(rows_lock, 12)
    recorder, moves = Recorder(rows_lock, settings), [0.0]
    for run in runs:
        recorder.outcome(run, {"type": "finished", "result": {}}, {})
    with locked(rows_lock, runs[:10]):
        begun = time.monotonic()
        recorder.record(lambda: moves.append(time.monotonic()))
        assert time.monotonic() - begun < 3.0, "not ten times the lock time-out"
        assert states(rows_lock, runs[10:]) == [State.FINISHED] * 2
        again = time.monotonic()
        recorder.record(lambda: None)
        assert time.monotonic() - again < 0.5, "what is known to be locked is not waited for"
        assert recorder.tokens == {run.token for run in runs[:10]}
    recorder.record(lambda: None)
    assert states(rows_lock, runs) == [State.FINISHED] * 12
    assert not recorder.tokens


@pytest.fixture
def waits_long(rows_lock: Database) -> Iterator[Database]:
    """The same database through connections that would wait long for a lock."""
    url = rows_lock.engine.url.render_as_string(hide_password=False)
    opened = Database(url, lock_timeout_ms=60_000, statement_seconds=60.0)
    yield opened
    opened.close()


def test_a_checkpoint_meets_a_lock_without_waiting(
    rows_lock: Database, waits_long: Database
) -> None:
    (run,) = running(rows_lock, 1)
    with locked(rows_lock, [run]):
        begun = time.monotonic()
        with pytest.raises(Locked):
            waits_long.run(progress.save, run, checkpoint={"n": 1})
        assert time.monotonic() - begun < 30.0
    rows_lock.run(progress.save, run, checkpoint={"n": 1})


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_what_is_handed_back_is_told_to_all_workers(database: Database, settings: Settings) -> None:
    (run,) = running(database, 1)
    wake, recorder = database.wake(), Recorder(database, settings)
    recorder.release(run, "it was handed back")
    with contextlib.closing(wake):
        recorder.record(lambda: None)
        descriptor = wake.fileno()
        assert descriptor is not None and select([descriptor], [], [], 10.0)[0]
        assert set(map(understood, wake.news())) == {(run.queue, run.rank)} != {(run.queue, 0)}


def test_a_rescue_passes_over_what_is_locked(rows_lock: Database, waits_long: Database) -> None:
    runs = running(rows_lock, 12)
    rows_lock.run(workers.evict, runs[0].worker_id)
    with locked(rows_lock, runs[:10]):
        begun = time.monotonic()
        assert set(workers.rescue(waits_long, "test")) == {run.token for run in runs[10:]}
        assert time.monotonic() - begun < 30.0
    assert len(workers.rescue(rows_lock, "test")) == 10


def test_what_was_told_and_not_stored_goes_along_with_the_end(
    file: Database, settings: Settings
) -> None:
    (run,) = running(file, 1)
    recorder = Recorder(file, settings)
    told = {"progress": {"step": 3}, "checkpoint": {"n": 3}}
    recorder.outcome(run, {"type": "retry", "error": "not yet", "after": 0.0}, told)
    recorder.record(lambda: None)
    job = file.read(reading.get, [run.token])[run.token]
    assert (job.state, job.progress) == (State.QUEUED, {"step": 3})


def test_a_repeat_after_a_commit_in_doubt_is_no_lost_lease(
    file: Database, settings: Settings
) -> None:
    (run,) = running(file, 1)
    for _ in range(2):
        recorder = Recorder(file, settings)
        recorder.outcome(run, {"type": "finished", "result": {}}, {"progress": {"step": 1}})
        recorder.record(lambda: None)
    assert states(file, [run]) == [State.FINISHED]
    with file.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM job_events")).scalar() == 0


@pytest.mark.parametrize("rows_lock", ["postgresql"], indirect=True)
def test_an_end_that_costs_the_connection_holds_up_nobody(
    rows_lock: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    runs = running(rows_lock, 4)
    with rows_lock.engine.begin() as connection:
        connection.exec_driver_sql(
            f"""
            CREATE FUNCTION fall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
            CREATE TRIGGER fall BEFORE UPDATE ON {rows_lock.schema}.jobs FOR EACH ROW
                WHEN (NEW.token = '{runs[1].token}') EXECUTE FUNCTION fall()
            """
        )
    recorder = Recorder(rows_lock, settings)
    for run in runs:
        recorder.outcome(run, {"type": "finished", "result": {}}, {})
    recorder.record(lambda: None)
    others = [run for run in runs if run is not runs[1]]
    assert states(rows_lock, others) == [State.FINISHED] * 3
    for _ in range(5):
        recorder.record(lambda: None)
    told = [r for r in caplog.messages if r.startswith("nothing can be stored about the job")]
    assert len(told) == 1, "it is said once, and left for a while"
    assert recorder.tokens == {runs[1].token}, "nobody else runs it meanwhile"


def test_few_ends_of_one_queue_do_not_wait_for_ever_beside_many_of_another(
    rows_lock: Database, settings: Settings
) -> None:
    told = threading.Event()
    recorder = Recorder(rows_lock, settings, told=told.set)
    many, few = running(rows_lock, 400), running(rows_lock, 1, "Other")
    finished = {"type": "finished", "result": {}, "took": 0.0}
    recorder.outcome(few[0], finished, {})
    while many:  # at each pass there are so many more that they are written beside
        for run in many[:40]:
            recorder.outcome(run, finished, {})
        del many[:40]
        told.clear()
        recorder.record(lambda: None)
        assert told.wait(20)
        if states(rows_lock, few) == [State.FINISHED]:
            return
    pytest.fail("it was passed over each time")
