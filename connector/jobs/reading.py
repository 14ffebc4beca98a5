"""Looking at jobs: by token, or a queue page by page. Short reads, nothing locked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from connector.db.dialects.base import Dialect
from connector.db.engine import Tx
from connector.jobs import tally
from connector.jobs.job import Job
from connector.jobs.states import OPEN, Requested, State
from connector.jobs.tables import job_events, job_progress, jobs, queues

_NAMES = [each.name for each in fields(Job)]
_COLUMNS = [*(jobs.c[name] for name in _NAMES if name != "progress"), job_progress.c.progress]
_STATE, _REQUESTED = (_NAMES.index(name) for name in ("state", "requested"))
_SELECT = sa.select(*_COLUMNS).select_from(jobs.outerjoin(job_progress))


def get(tx: Tx, tokens: Collection[str]) -> dict[str, Job]:
    """Return the jobs that have these tokens, by token; unknown ones are left out."""
    rows = tx.execute_built(_by_token, {"tokens": tx.dialect.listed(tokens)})
    return {row[0]: _job(row) for row in rows}


@lru_cache(maxsize=64)
def _by_token(dialect: Dialect, now: object) -> sa.Select[Any]:
    """Return the query for some tokens; clients ask for little else."""
    return _SELECT.where(dialect.among(jobs.c.token, "tokens"))


def page(tx: Tx, queue: str, *, before: str | None = None, limit: int = 500) -> list[Job]:
    """Return the newest jobs of a queue, newest first; `before` a token, to go on from there."""
    select = _SELECT.where(jobs.c.queue == queue).order_by(jobs.c.token.desc()).limit(limit)
    if before is not None:
        select = select.where(jobs.c.token < before)
    return [_job(row) for row in tx.execute(select)]


def states(tx: Tx, tokens: Collection[str]) -> dict[str, State]:
    """Return the states of these jobs, by token."""
    rows = tx.execute(sa.select(jobs.c.token, jobs.c.state).where(jobs.c.token.in_(tokens)))
    return {row.token: State(row.state) for row in rows}


def parameters(tx: Tx, tokens: Collection[str]) -> dict[str, Any]:
    """Return rows with `state`, `parameters` and `action_id` of these jobs, by token."""
    columns = (jobs.c.token, jobs.c.state, jobs.c.parameters, jobs.c.action_id)
    rows = tx.execute(sa.select(*columns).where(jobs.c.token.in_(tokens)))
    return {row.token: row for row in rows}


@dataclass(frozen=True)
class Counts:
    """How a queue stands. `states`: number of jobs in each open state."""

    paused: bool
    states: Mapping[State, int]
    completed: int


def counts(tx: Tx, queue: str) -> Counts:
    """Count the jobs of a queue, exactly."""
    paused = tx.execute(sa.select(queues.c.paused).where(queues.c.queue == queue)).scalar()
    return counted(bool(paused), tally.numbers(tx, queue).get(queue))


def counted(paused: bool, found: tally.Numbers | None) -> Counts:
    """Return how a queue stands whose jobs were counted."""
    if found is None:
        return Counts(paused, {state: 0 for state in State if state in OPEN}, 0)
    return Counts(paused, found.open, found.ended)


def trail(tx: Tx, token: str) -> Sequence[Any]:
    """Return what happened to a job off the ordinary path, oldest first.

    Rows with `at`, `event`, `source`, `target`, `attempt`, `actor`, `reason`.
    """
    c = job_events.c
    columns = (c.at, c.event, c.source, c.target, c.attempt, c.actor, c.reason)
    return tx.execute(sa.select(*columns).where(c.token == token).order_by(c.id)).all()


def open_counts(tx: Tx) -> dict[tuple[str, State], int]:
    """Return how many jobs of each queue are in each open state; absent means none."""
    return {
        (queue, state): number
        for queue, found in tally.numbers(tx).items()
        for state, number in found.open.items()
        if number
    }


def _job(row: Any) -> Job:
    """Return a job of a row whose columns are the fields of one, in their order."""
    values: list[Any] = list(row)
    values[_STATE] = State(row.state)
    if row.requested is not None:
        values[_REQUESTED] = Requested(row.requested)
    return Job(*values)
