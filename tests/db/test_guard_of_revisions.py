"""Every illegal move is refused after each revision, on the way up and on the way down."""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from connector.db.engine import Database
from connector.db.schema import migrations
from connector.db.types import Document, Identifier, Timestamp
from connector.jobs.states import FINAL, LEGAL, State
from connector.jobs.token import new_token

WAY: dict[State, tuple[State, ...]] = {
    State.QUEUED: (),
    State.RUNNING: (State.RUNNING,),
    State.PAUSED: (State.PAUSED,),
    State.FINISHED: (State.RUNNING, State.FINISHED),
    State.FAILED: (State.RUNNING, State.FAILED),
    State.CANCELLED: (State.CANCELLED,),
    State.STOPPED: (State.RUNNING, State.STOPPED),
}
"""How a job that is queued comes into each state."""

NOW = datetime.now(UTC)


class Guarded:
    """The table `jobs` as it is in every revision, by plain statements."""

    def __init__(self, connection: sa.Connection, schema: str | None) -> None:
        types: dict[str, Any] = {
            "token": Identifier(),
            "parameters": Document,
            **dict.fromkeys(("run_at", "queued_at", "started_at", "ended_at"), Timestamp()),
            **dict.fromkeys(("priority", "rank", "attempt", "failures", "losses"), sa.BigInteger()),
            **dict.fromkeys(("queue", "state", "changed_by"), sa.Text()),
        }
        columns = [sa.column(name, kind) for name, kind in types.items()]
        self.table = sa.table("jobs", *columns, schema=schema)
        self._connection = connection

    def insert(self, state: State = State.QUEUED) -> str:
        token = new_token()
        zeros = dict.fromkeys(("priority", "rank", "attempt", "failures", "losses"), 0)
        row: dict[str, object] = {"token": token, "queue": "Test", "state": state.value, **zeros}
        moments = {"run_at": NOW, "queued_at": NOW, "ended_at": NOW if state in FINAL else None}
        others = {"parameters": {}, "changed_by": "test"}
        self._do(sa.insert(self.table).values({**row, **moments, **others}))
        return token

    def move(self, token: str, state: State) -> None:
        ended = NOW if state in FINAL else None
        self.change(token, state=state.value, ended_at=ended)

    def change(self, token: str, /, **values: object) -> None:
        these = self.table.c.token == token
        told = {"changed_by": f"test {new_token()}", **values}
        self._do(sa.update(self.table).where(these).values(told))

    def delete(self, token: str) -> None:
        self._do(sa.delete(self.table).where(self.table.c.token == token))

    def in_state(self, state: State) -> str:
        token = self.insert()
        for step in WAY[state]:
            self.move(token, step)
        return token

    def _do(self, statement: sa.Executable) -> None:
        with self._connection.begin_nested():
            self._connection.execute(statement)


def refused(work: Callable[..., object], *arguments: Any, **named: Any) -> bool:
    """Say whether the database refuses it, in words about the job."""
    with pytest.raises(DBAPIError, match="job"):
        work(*arguments, **named)
    return True


def try_everything(database: Database) -> None:
    """Try every move, legal or not, and all else that the guard is there for; change nothing."""
    with database.engine.connect() as connection, connection.begin() as transaction:
        guarded = Guarded(connection, database.schema)
        for source, target in itertools.product(State, State):
            token = guarded.in_state(source)
            if (source, target) in LEGAL or source is target:
                guarded.move(token, target)
            else:
                assert refused(guarded.move, token, target), (source, target)
        for state in State:
            assert state is State.QUEUED or refused(guarded.insert, state)
            token = guarded.in_state(state)
            if state in FINAL:
                guarded.delete(token)
            else:
                assert refused(guarded.delete, token)
        token = guarded.in_state(State.RUNNING)
        guarded.change(token, attempt=2)
        assert refused(guarded.change, token, attempt=1)
        assert refused(guarded.change, token, token=new_token())
        assert refused(guarded.change, token, queued_at=datetime(2020, 1, 1, tzinfo=UTC))
        transaction.rollback()


@pytest.fixture
def alembic(empty_url: str) -> Iterator[tuple[Config, Database]]:
    database = Database(empty_url, application="test", statement_seconds=0.0)
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.attributes["database"] = database
    yield config, database
    database.close()


def test_no_revision_lets_an_illegal_move_through(alembic: tuple[Config, Database]) -> None:
    config, database = alembic
    files = sorted((migrations() / "versions").glob("[0-9]*.py"))
    revisions = [file.name.partition("_")[0] for file in files]
    with contextlib.redirect_stdout(io.StringIO()):
        for revision in revisions:
            command.upgrade(config, revision)
            try_everything(database)
        for revision in revisions[-2::-1]:
            command.downgrade(config, revision)
            try_everything(database)
        command.downgrade(config, "base")
        command.upgrade(config, "head")
    try_everything(database)
