"""Transactions: repeated where that is safe, bounded everywhere, and honest about what happened."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.db.engine import REPEATS, Database, Tx
from connector.db.errors import BadURL, InDoubt, Locked, Unavailable
from connector.db.types import Timestamp
from connector.jobs import requests, submit
from connector.jobs.job import NewJob
from connector.jobs.tables import jobs, queues
from connector.jobs.token import new_token
from tests.conftest import fresh_url, migrate
from tests.proxy import Proxy


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    return sa.make_url(fresh_url("postgresql", request, tmp_path))


def opened(url: sa.URL, **options: float) -> Database:
    return Database(url.render_as_string(hide_password=False), **options)  # type: ignore[arg-type]


class Loser:
    """Work that loses against another transaction a number of times."""

    def __init__(self, losses: int, code: str) -> None:
        self.calls = 0
        self._losses = losses
        self._code = code

    def __call__(self, tx: Tx) -> str:
        self.calls += 1
        if self.calls <= self._losses:
            # The server itself raises it, as it does for a deadlock.
            tx.execute(sa.text(f"DO $$ BEGIN RAISE SQLSTATE '{self._code}'; END $$"))
        return "done"


def test_a_transaction_that_lost_is_repeated(postgresql_url: sa.URL) -> None:
    database = opened(postgresql_url)
    for code in ("40001", "40P01"):
        loser = Loser(3, code)
        assert database.run(loser) == "done" and loser.calls == 4
    database.close()


def test_repeats_are_bounded(postgresql_url: sa.URL) -> None:
    database = opened(postgresql_url)
    loser = Loser(1000, "40P01")
    with pytest.raises(Unavailable):
        database.run(loser)
    assert loser.calls == REPEATS + 1
    database.close()


def test_other_errors_are_not_repeated(postgresql_url: sa.URL) -> None:
    database = opened(postgresql_url)
    loser = Loser(1, "23505")
    with pytest.raises(sa.exc.DBAPIError):
        database.run(loser)
    assert loser.calls == 1
    database.close()


def test_a_locked_row_is_told_at_once_or_waited_for_with_patience(postgresql_url: sa.URL) -> None:
    database = opened(postgresql_url, lock_timeout_ms=50)
    migrate(database)
    token = new_token()
    database.run(submit.submit, [NewJob(token, "Test", {})])
    patient = opened(postgresql_url, lock_timeout_ms=50, patience=10.0)
    row = sa.select(jobs.c.token).where(jobs.c.token == token).with_for_update()
    tries: list[int] = []
    with database.engine.connect() as connection:
        connection.execute(row)
        other = opened(postgresql_url, lock_timeout_ms=50)
        with pytest.raises(Locked):
            other.run(requests.cancel, token=token, by="test")

        def cancel(tx: Tx) -> None:
            tries.append(1)
            if len(tries) == 3:
                connection.rollback()
            requests.cancel(tx, token=token, by="test")

        patient.run(cancel)
    assert len(tries) == 3
    for each in (database, patient, other):
        each.close()


def test_a_server_out_of_reach_is_unavailable() -> None:
    database = Database("postgresql://postgres@127.0.0.1:9/nowhere")
    with pytest.raises(Unavailable, match="cannot be used"):
        database.read(lambda tx: tx.execute(sa.select(1)).scalar())
    database.close()


def test_a_password_is_never_told() -> None:
    for url in ("postgres:geheim@127.0.0.1:9/nowhere", "127.0.0.1:9/nowhere?password=geheim"):
        database = Database(f"postgresql://{url}")
        with pytest.raises(Unavailable) as away:
            database.read(lambda tx: None)
        assert "127.0.0.1" in str(away.value) and "geheim" not in str(away.value)
        database.close()


def test_only_a_connection_lost_during_a_commit_leaves_doubt(postgresql_url: sa.URL) -> None:
    direct = opened(postgresql_url)
    migrate(direct)
    with Proxy(postgresql_url.port or 5432) as proxy:
        database = opened(postgresql_url.set(port=proxy.port))
        for texts, error in (((b"INSERT", b"COMMIT"), InDoubt), ((b"INSERT",), Unavailable)):
            database.read(lambda tx: tx.execute(sa.select(1)).scalar())
            proxy.cut_after(*texts)
            with pytest.raises(Unavailable) as lost:
                database.run(submit.submit, [NewJob(new_token(), "Test", {})])
            assert type(lost.value) is error
            proxy.open()
        database.close()
    direct.close()


@pytest.mark.usefixtures("many_files")
def test_a_statement_is_sent_alone_also_by_a_process_with_many_files(
    postgresql_url: sa.URL,
) -> None:
    database = opened(postgresql_url)
    assert database.run_alone(lambda tx: tx.execute(sa.select(1)).scalar()) == 1
    database.close()


def test_times_are_kept_exactly_and_come_back_in_utc(database: Database) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=2)))
    row = {"queue": "Q", "paused": False, "changed_at": moment, "changed_by": "test"}
    database.run(lambda tx: tx.execute(sa.insert(queues).values(row)))
    found = database.read(lambda tx: tx.execute(sa.select(queues.c.changed_at)).scalar_one())
    assert found == moment and found.tzinfo is UTC
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        naive = datetime(2026, 1, 1)
        database.read(lambda tx: tx.execute(sa.select(sa.literal(naive, Timestamp()))).scalar())
    micros = database.read(lambda tx: tx.execute(sa.select(tx.micros(tx.now))).scalar())
    assert abs(int(micros or 0) / 1e6 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize("url", ["nonsense", "oracle://x/y", "mysql+x://"])
def test_a_url_that_names_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(BadURL):
        Database(url)
