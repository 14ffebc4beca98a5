"""The claim: a worker takes due jobs for itself, in order, and nobody else gets them.

Whatever may forbid it is asked in the statement that claims: whether the worker still has its lease
and works for this deployment, its host is not drained, the queue is not paused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.db.schema import schema_info
from connector.jobs.config_hash import claimed_by
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.tables import (
    MAX_COUNT,
    drained_hosts,
    is_open,
    job_progress,
    jobs,
    queues,
    workers,
)

_Row = TypeVar("_Row", bound=tuple[object, ...])

AHEAD = 50
"""Jobs ranked behind now that are looked at for due ones: those of low priority."""

FAR_AHEAD = 5000
"""As many now and then: behind many that are delayed, one that is due is found in the end."""

Place = tuple[int, str]
"""Rank and token: a place in the order of claims."""

NOW: Place = (0, "")
"""Where to begin to look behind now."""

HEAD = 500
"""Waiting jobs among which damaged ones are looked for when a claim is refused."""


@dataclass(frozen=True, slots=True)
class Due:
    """What waits in a queue."""

    seconds: float
    """Until its first job may be due; 0: now."""
    ahead: Place | None = None
    """If nothing is ranked before now: where behind it one is due, for its low priority."""
    beyond: Place = NOW
    """Where the next look behind now goes on."""
    limited: bool = False
    """Whether the whole cluster shares a limit, so that claims must take turns."""


def due(
    tx: Tx, names: Collection[str], beyond: Mapping[str, Place] | None = None, most: int = AHEAD
) -> dict[str, Due]:
    """Return what waits in each queue that has waiting jobs.

    A look at the head of the index, cheap enough to be taken before each claim; where nothing there
    is ranked before now, also at `most` jobs behind it, from `beyond` on.
    """
    each = [_head(tx, name) for name in sorted(names)]
    rows = tx.execute(sa.union_all(*each)).all() if each else []
    found = {}
    for row in rows:
        if row.micros is None:
            continue
        ahead, goes_on = None, NOW
        if row.micros > 0:
            ahead, goes_on = _behind(tx, row.queue, (beyond or {}).get(row.queue, NOW), most)
        seconds = 0.0 if ahead else max(0.0, row.micros / 1e6)
        found[row.queue] = Due(seconds, ahead, goes_on, row.max_running is not None)
    return found


def _head(tx: Tx, queue: str) -> sa.Select[tuple[str, int, int]]:
    """Return the look at one queue: each of its parts reads one entry of an index."""
    first = (
        sa.select(jobs.c.rank)
        .where(is_open(State.QUEUED), jobs.c.queue == queue)
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(1)
        .scalar_subquery()
    )
    limit = sa.select(queues.c.max_running).where(queues.c.queue == queue).scalar_subquery()
    return sa.select(
        sa.literal(queue).label("queue"),
        (first - tx.micros(tx.now)).label("micros"),
        limit.label("max_running"),
    )


def claim(
    tx: Tx,
    queue: str,
    worker_id: str,
    limit: int,
    *,
    ahead: Place | None = None,
    without: Collection[str] = (),
    config_hash: str | None = None,
) -> list[Run]:
    """Take up to `limit` due jobs of a queue whose jobs do not exclude each other.

    `ahead`: those that are due but ranked behind now, from there on; `without`: tokens to pass
    over; `config_hash`: of the configuration that the worker runs them with.
    """
    free = ~sa.exists().where(
        queues.c.queue == queue, queues.c.paused.is_(True) | queues.c.max_running.isnot(None)
    )
    chosen = but(candidates(tx, queue, limit, ahead).where(may_claim(worker_id), free), without)
    return take(tx, chosen, worker_id, config_hash)


def damaged(tx: Tx, queue: str, without: Collection[str]) -> list[str]:
    """Return the waiting jobs at the head of a queue that no verb can move any more.

    Somebody has spoilt their parameters while the guard was off, or counted their attempts by hand.
    `without`: known ones.
    """
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.parameters, jobs.c.attempt)
        .where(is_open(State.QUEUED), jobs.c.queue == queue, jobs.c.token.notin_(without))
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(HEAD)
    )
    return [
        row.token
        for row in rows
        if not isinstance(row.parameters, Mapping) or row.attempt >= MAX_COUNT
    ]


def but(select: sa.Select[_Row], without: Collection[str]) -> sa.Select[_Row]:
    """Return a choice of jobs but these; nearly always there are none, and it stays as it is."""
    return select.where(jobs.c.token.notin_(without)) if without else select


def may_claim(worker_id: str) -> ColumnElement[bool]:
    """Return the condition that this worker may claim at all, whatever the queue."""
    here = workers.c.environment.is_not_distinct_from(schema_info.c.environment)
    drained = sa.exists().where(drained_hosts.c.host == workers.c.host)
    lease = sa.select(workers.c.id).select_from(workers.join(schema_info, sa.true()))
    return lease.where(workers.c.id == worker_id, here, ~drained).exists()


def take(
    tx: Tx,
    chosen: ColumnElement[bool] | sa.Select[tuple[str]],
    worker_id: str,
    config_hash: str | None = None,
) -> list[Run]:
    """Make the chosen jobs, which are queued and locked, this worker's. In the order of claims."""
    attempt = jobs.c.attempt + 1
    rows = tx.change(
        jobs,
        chosen,
        {
            "state": State.RUNNING,
            "attempt": attempt,
            "worker_id": worker_id,
            "started_at": tx.now,
            **claimed_by(config_hash),
            "changed_by": sa.literal("worker claim ") + sa.cast(attempt, sa.Text),
        },
        jobs.c.rank,
        jobs.c.token,
        jobs.c.attempt,
        jobs.c.queue,
        jobs.c.parameters,
        jobs.c.failures,
        jobs.c.tasks,
    )
    in_order: list[Any] = sorted(rows, key=_place)
    saved = _checkpoints(tx, [token for _, token, attempt, *_ in in_order if attempt > 1])
    return [
        Run(
            token,
            attempt,
            worker_id,
            queue,
            parameters,
            failures,
            tuple(tasks.split(",")) if tasks else (),
            saved.get(token),
        )
        for _, token, attempt, queue, parameters, failures, tasks in in_order
    ]


_place = itemgetter(0, 1)
"""Rank and token of what `take` gets back."""


def candidates(tx: Tx, queue: str, limit: int, ahead: Place | None) -> sa.Select[tuple[str]]:
    """Return the choice of the first due jobs of a queue that nobody has locked."""
    select = sa.select(jobs.c.token).where(is_open(State.QUEUED), jobs.c.queue == queue, is_due(tx))
    if ahead is not None:
        some = behind_now(tx, queue, ahead).subquery()
        select = select.where(jobs.c.token.in_(sa.select(some.c.token)))
    else:
        select = select.where(jobs.c.rank <= tx.micros(tx.now))
    return (
        select.order_by(jobs.c.rank, jobs.c.token)
        .limit(limit)
        .with_for_update(skip_locked=True, of=jobs)
    )


def is_due(tx: Tx) -> ColumnElement[bool]:
    """Return the condition that a job's time has come.

    One that was never delayed is due whatever the clock says: it may have been set back since.
    """
    return sa.or_(jobs.c.run_at <= tx.now, jobs.c.run_at <= jobs.c.queued_at)


def _behind(tx: Tx, queue: str, start: Place, most: int) -> tuple[Place | None, Place]:
    """Return the first place behind now where a job is due, and where the next look goes on.

    That is there as well, while something is found; else behind what has been looked at, and in the
    end at the beginning again.
    """
    some = behind_now(tx, queue, start, most).subquery()
    due = sa.or_(some.c.run_at <= tx.now, some.c.run_at <= some.c.queued_at)
    first = sa.select(some.c.rank, some.c.token).where(due).order_by(some.c.rank, some.c.token)
    if row := tx.execute(first.limit(1)).first():
        return (row.rank, row.token), (row.rank, row.token)
    last = behind_now(tx, queue, start, 1).offset(most - 1)
    row = tx.execute(last).first()
    return None, (row.rank, row.token) if row else NOW


def behind_now(
    tx: Tx, queue: str, start: Place = NOW, most: int = AHEAD
) -> sa.Select[tuple[int, str, datetime, datetime]]:
    """Return the first jobs ranked behind now, and from `start` on: due ones may be among them."""
    rank, token = start
    now = tx.micros(tx.now)
    place = [jobs.c.rank > now]
    if start != NOW:
        place += [jobs.c.rank >= rank, sa.or_(jobs.c.rank > rank, jobs.c.token >= token)]
    return (
        sa.select(jobs.c.rank, jobs.c.token, jobs.c.run_at, jobs.c.queued_at)
        .where(is_open(State.QUEUED), jobs.c.queue == queue, *place)
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(most)
    )


def _checkpoints(tx: Tx, tokens: Collection[str]) -> dict[str, dict[str, object]]:
    """Return what earlier attempts saved; a first attempt has nothing to look for."""
    if not tokens:
        return {}
    rows = tx.execute(
        sa.select(job_progress.c.token, job_progress.c.checkpoint).where(
            job_progress.c.token.in_(tokens)
        )
    )
    return {row.token: row.checkpoint for row in rows if row.checkpoint is not None}
