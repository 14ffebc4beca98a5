"""Events for handlers, and targets that do as tests want."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import reading
from connector.jobs.job import Run
from connector.jobs.outbox import Event, store
from connector.jobs.outbox_tables import outbox
from connector.jobs.snapshot import of_job
from connector.worker.delivering import Deliverer
from tests.worker.conftest import running

DEADLINE = 20.0


def settings(folder: Path, handlers: dict[str, dict[str, str]], **queue: str) -> Settings:
    """Return settings with these handlers, all of which are named by the queue T."""
    flags = {f"{n}.{key}": value for n, keys in handlers.items() for key, value in keys.items()}
    events = ("OnStart", "OnFinish", "OnError", "OnErrorReport", "OnQueueEvent")
    named = {f"T.{event}": name for event, name in zip(events, handlers, strict=False)}
    flags |= {"Paths.DataDirectory": str(folder), **named, **queue}
    return load(None, {}, flags, ["T"]).settings


def put(database: Database, *handlers: str, token: str | None = None) -> list[str]:
    """Store an event of the queue T for each handler, about jobs that run; return their tokens."""
    runs = running(database, len(handlers)) if token is None else []
    for number, handler in enumerate(handlers):
        payload = _payload(database, runs[number])
        database.run(store, handler, "T", runs[number].token, Event.START, payload)
    return [run.token for run in runs]


def _payload(database: Database, run: Run) -> dict[str, Any]:
    job = database.read(reading.get, [run.token])[run.token]
    return {"job": of_job(job), "parameters": {"A": "b", "Secret": {"$secret": "x"}}}


def rows(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


def until(what: str, condition: Callable[[], Any], deliverer: Deliverer | None = None) -> Any:
    """Make passes until the condition gives something true, and return that."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        if deliverer is not None:
            deliverer.turn(time.monotonic())
        time.sleep(0.005)
    return found


def over(database: Database, count: int) -> Callable[[], bool]:
    return lambda: sum(row.next_at is None for row in rows(database)) == count


class Hanging:
    """A target that hangs until it is let go."""

    pid = None

    def __init__(self) -> None:
        self.let_go = False

    def send(self, notice: object) -> None:
        until("it is let go", lambda: self.let_go)

    def close(self) -> None:
        pass


class Taking:
    """A target that takes everything but what it was told to refuse."""

    pid = None

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuse: Exception | None = None

    def send(self, notice: Any) -> None:
        if self.refuse:
            raise self.refuse
        self.taken.append(notice.event_id)

    def close(self) -> None:
        pass
