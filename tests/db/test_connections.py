"""Connections that die, run out or belong to others, and values that must stay private."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.db.errors import InDoubt, Locked, Unavailable
from connector.jobs import reading
from connector.jobs.job import NewJob
from connector.jobs.submit import submit as store
from connector.jobs.token import new_token
from tests.conftest import fresh_url, migrate
from tests.proxy import Proxy

PID = sa.text("SELECT pg_backend_pid()")


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database on a server, whose connections can be killed from outside."""
    opened = Database(fresh_url("postgresql", request, tmp_path), pool_size=1)
    migrate(opened)
    yield opened
    opened.close()


def kill(database: Database, pid: object) -> None:
    """End a connection as an administrator does, and wait until it is gone."""
    text = sa.text("SELECT pg_terminate_backend(:pid, 10000)")
    engine = sa.create_engine(database.engine.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.execute(text, {"pid": pid}).scalar() is True
    engine.dispose()


def submit(tx: Tx, token: str) -> None:
    store(tx, [NewJob(token, "Test", {})])


def test_a_connection_that_died_while_idle_is_replaced_unnoticed(server: Database) -> None:
    kill(server, server.read(lambda tx: tx.execute(PID).scalar()))
    token = new_token()
    server.run(submit, token)
    assert token in server.read(reading.get, [token])


def test_a_transaction_whose_connection_dies_is_done_again_once(server: Database) -> None:
    token, calls = new_token(), []

    def work(tx: Tx, deaths: int) -> None:
        calls.append(tx.execute(PID).scalar())
        submit(tx, token)
        if len(calls) <= deaths:
            kill(server, calls[-1])
            tx.execute(PID)

    server.run(work, 1)
    assert len(calls) == 2 and token in server.read(reading.get, [token])
    calls.clear()
    with pytest.raises(Unavailable) as lost:
        server.run(work, 1000)
    assert len(calls) == 2, "repeats are bounded"
    assert not isinstance(lost.value, InDoubt), "nothing was committed, and that is known"


def test_a_connection_killed_before_the_commit_leaves_doubt_and_no_repeat(
    server: Database,
) -> None:
    """The program cannot tell whether its COMMIT came through, so it must not do it again."""
    token, calls = new_token(), []

    def work(tx: Tx) -> None:
        calls.append(tx.execute(PID).scalar())
        submit(tx, token)
        kill(server, calls[-1])

    with pytest.raises(InDoubt):
        server.run(work)
    assert len(calls) == 1
    assert server.read(reading.get, [token]) == {}


def test_what_was_in_doubt_may_be_stored_and_storing_it_again_is_harmless(
    server: Database,
) -> None:
    token = new_token()
    url = sa.make_url(server.engine.url).set(drivername="postgresql")
    with Proxy(url.port or 5432) as proxy:
        far = Database(url.set(port=proxy.port).render_as_string(hide_password=False))
        proxy.cut_after(b"INSERT", b"COMMIT")
        with pytest.raises(InDoubt):
            far.run(submit, token)
        proxy.open()
        far.run(submit, token)
        far.close()
    assert list(server.read(reading.get, [token])) == [token]


def test_a_pool_in_full_use_is_told_within_its_time(empty_url: str) -> None:
    database = Database(empty_url, pool_size=1, connect_seconds=0.1)
    if database.schema is None:
        database.close()
        return  # the pool of a file waits as long as SQLAlchemy says
    with database.engine.connect():
        with pytest.raises(Unavailable, match="in use"):
            database.read(lambda tx: None)
    database.close()


def test_a_program_that_writes_to_the_file_unasked_is_told_as_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    database = Database(f"sqlite:///{path}", lock_timeout_ms=20)
    migrate(database)
    intruder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    intruder.execute("BEGIN IMMEDIATE")
    token = new_token()
    with pytest.raises(Locked):
        database.run(submit, token)
    patient = Database(f"sqlite:///{path}", lock_timeout_ms=20, patience=20.0)
    done = threading.Thread(target=patient.run, args=(submit, token))
    done.start()
    intruder.execute("COMMIT")
    done.join(20)
    assert token in database.read(reading.get, [token])
    intruder.close()
    patient.close()
    database.close()


def test_no_news_of_work_is_no_harm(tmp_path: Path) -> None:
    for url in ("postgresql://postgres@127.0.0.1:9/nowhere", f"sqlite:///{tmp_path}/no/such.db"):
        database = Database(url)
        database.notify(["Test"])
        with pytest.raises(Unavailable):
            database.run(submit, new_token())
        database.close()


def test_the_values_of_a_refused_statement_are_not_told(database: Database) -> None:
    """What clients sent and actions found stays out of errors, and so out of logs."""
    select = sa.text("SELECT no_such_function(:value)")
    with pytest.raises((sa.exc.DBAPIError, Unavailable)) as refused:
        database.run(lambda tx: tx.execute(select, {"value": "geheim"}))
    assert "no_such_function" in str(refused.value) and "geheim" not in str(refused.value)
