"""Jobs brought into every state, on every engine."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from connector.db.dialects.base import Dialect
from connector.db.dialects.mariadb import MariaDB
from connector.db.engine import Database, Tx
from connector.jobs import claim, firing, outcomes, reading, requests, schedules, submit
from connector.jobs.firing import Fired, Firing
from connector.jobs.job import Job, NewJob, Run
from connector.jobs.schedules import Schedule
from connector.jobs.states import State
from connector.jobs.tables import job_events, jobs
from connector.jobs.token import new_token
from tests import leases

WORKER = "00000000-0000-7000-8000-00000000000a"
OTHER = "00000000-0000-7000-8000-00000000000b"


Verb = Callable[[Tx, Run], object]

ENDS: dict[str, tuple[Verb, State]] = {
    "finish": (partial(outcomes.finish, result={"a": 1}), State.FINISHED),
    "fail": (partial(outcomes.fail, error="broken"), State.FAILED),
    "stop": (outcomes.stop, State.STOPPED),
    "retry": (partial(outcomes.retry, error="not yet", pause=0.0, max_attempts=3), State.QUEUED),
    "release": (partial(outcomes.release, reason="shutdown"), State.QUEUED),
    "lose": (partial(outcomes.lose, reason="host gone", actor="test"), State.QUEUED),
}
"""Every verb that ends an attempt, and the state it means to reach."""


class Jobs:
    """Jobs of one database: made, moved, looked at."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def submit(self, queue: str = "Test", **given: object) -> str:
        token = new_token()
        job = NewJob(token, queue, {}, **given)  # type: ignore[arg-type]
        self.database.run(submit.submit, [job])
        return token

    def alive(self, worker: str = WORKER) -> contextlib.AbstractContextManager[None]:
        """Give a worker a lease for a while, unless it has one."""
        return leases.alive(self.database, worker)

    def register(self, *ids: str) -> None:
        for id in ids:
            leases.register(self.database, id)

    def claim(self, token: str, worker: str = WORKER) -> Run:
        with self.alive(worker):
            runs = self.database.run(claim.claim, self.job(token).queue, worker, 1000)
        return next(run for run in runs if run.token == token)

    def running(self, worker: str = WORKER) -> Run:
        return self.claim(self.submit(), worker)

    def job(self, token: str) -> Job:
        return self.database.read(reading.get, [token])[token]

    def state(self, token: str) -> State:
        return self.job(token).state

    def row(self, token: str) -> dict[str, object]:
        """Return everything that is stored of a job."""
        with self.database.engine.connect() as connection:
            found = connection.execute(sa.select(jobs).where(jobs.c.token == token)).one()
        return dict(found._mapping)

    def events(self, token: str) -> list[str]:
        c = job_events.c
        with self.database.engine.connect() as connection:
            found = connection.execute(sa.select(c.event).where(c.token == token).order_by(c.id))
            return list(found.scalars())

    def by_hand(self, token: str, /, **values: object) -> None:
        """Change a row as a DBA does."""
        with self.database.engine.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.token == token).values(values))

    def in_state(self, state: State) -> tuple[str, Run | None]:
        """Return the token of a job in a state, and its run if it has had one."""
        token = self.submit()
        if state is State.QUEUED:
            return token, None
        if state is State.PAUSED:
            self.by_hand(token, state=state, changed_by="test")
            return token, None
        if state is State.CANCELLED:
            self.database.run(requests.cancel, token=token, by="test")
            return token, None
        run = self.claim(token)
        verbs: dict[State, Callable[[], object]] = {
            State.RUNNING: lambda: None,
            State.FINISHED: lambda: self.database.run(outcomes.finish, run, {}),
            State.FAILED: lambda: self.database.run(outcomes.fail, run, "as asked"),
            State.STOPPED: lambda: self.database.run(outcomes.stop, run),
        }
        verbs[state]()
        return token, run


def count_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers count what was stored and has ended a moment ago."""
    for kind in (Dialect, MariaDB):
        monkeypatch.setattr(kind, "lag_seconds", -0.003)


@pytest.fixture(params=list(ENDS))
def verb(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def kit(database: Database) -> Jobs:
    return Jobs(database)


class Clock:
    """Schedules of one database, at times of our own. WORKER lives."""

    def __init__(self, kit: Jobs) -> None:
        self.kit = kit
        self.now = datetime(2025, 3, 29, 12, 0, tzinfo=UTC)
        kit.register(WORKER)

    def run(self, verb: Callable[..., Any], *arguments: Any) -> Any:
        return self.kit.database.run_at(self.now, verb, *arguments)

    def arrange(self, *wanted: Schedule) -> list[str]:
        found: list[str] = self.run(schedules.arrange, wanted, "test")
        return found

    def fire(self, how: Firing | None = None, *tasks: str) -> Fired | None:
        how = how or Firing(WORKER)
        fired: Fired | None = self.run(firing.fire, tasks or ("A", "B"), how)
        return fired

    def after(self, **passed: float) -> "Clock":
        self.now += timedelta(**passed)
        return self

    def row(self, task: str = "A") -> Any:
        return next(row for row in self.run(schedules.listed) if row.task == task)

    def tokens(self) -> list[str]:
        return [job.token for job in self.kit.database.read(reading.page, "Test")]


@pytest.fixture
def clock(kit: Jobs) -> Clock:
    return Clock(kit)
