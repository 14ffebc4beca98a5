"""How queues and actions stand, for those who watch them: a bounded view, in short reads."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import reading, tally
from connector.jobs.states import OPEN, State
from connector.jobs.tables import RUNNING_BY, is_open, job_progress, jobs, queues

SHOWN = (State.RUNNING, State.PAUSED, State.QUEUED)
"""Open states in the order in which their jobs are shown."""


@dataclass(frozen=True)
class Line:
    """One job: where it belongs, how it stands, what it told of its progress last."""

    token: str
    queue: str
    state: State
    progress: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class View:
    """A queue: its counts, its first open jobs by token, and what became of those asked about."""

    counts: reading.Counts
    lines: Mapping[str, Line]
    left: Mapping[str, Line]


_SELECT = sa.select(jobs.c.token, jobs.c.queue, jobs.c.state, job_progress.c.progress).select_from(
    jobs.outerjoin(job_progress)
)


def lines(tx: Tx, tokens: Collection[str]) -> dict[str, Line]:
    """Return how these jobs stand, by token; unknown ones are left out."""
    rows = tx.execute(_SELECT.where(jobs.c.token.in_(tokens)))
    return {row.token: _line(row) for row in rows}


def views(tx: Tx, known: Mapping[str, Collection[str]], limit: int) -> dict[str, View]:
    """Return a view of each queue, with at most `limit` open jobs.

    `known`: queue to tokens seen in it before; those that are not among its first any more are
    told in `left`, if they are still there.
    """
    numbers = tally.numbers(tx)
    rows = tx.execute(sa.select(queues.c.queue).where(queues.c.paused.is_(True)))
    paused = {row.queue for row in rows}
    shown = {queue: first(tx, queue, limit) for queue in known}
    gone = [token for queue, seen in known.items() for token in seen if token not in shown[queue]]
    left = lines(tx, gone) if gone else {}
    return {
        queue: View(
            reading.counted(queue in paused, numbers.get(queue)),
            shown[queue],
            {token: left[token] for token in seen if token in left},
        )
        for queue, seen in known.items()
    }


def first(tx: Tx, queue: str, limit: int) -> dict[str, Line]:
    """Return the first open jobs of a queue: those that run, then paused ones, then the next."""
    tokens: list[str] = []
    for state in SHOWN:
        if len(tokens) < limit:
            tokens += _tokens(tx, queue, state, limit - len(tokens))
    found = lines(tx, tokens) if tokens else {}
    # One may have ended since the statement before.
    return {token: found[token] for token in tokens if _is_open(found.get(token))}


def _is_open(line: Line | None) -> bool:
    return line is not None and line.state in OPEN


def _tokens(tx: Tx, queue: str, state: State, limit: int) -> list[str]:
    select = (
        sa.select(jobs.c.token)
        .where(is_open(state), jobs.c.queue == queue)
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(limit)
        .with_hint(jobs, RUNNING_BY, "mariadb")
    )
    return [row.token for row in tx.execute(select)]


def _line(row: Any) -> Line:
    return Line(row.token, row.queue, State(row.state), row.progress)
