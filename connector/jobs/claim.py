"""The claim: a worker takes due jobs for itself, in order, and nobody else gets them.

Whatever may forbid it is asked in the statement that claims: whether the worker still has its lease
and works for this deployment, its host is not drained, the queue is not paused.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Dialect
from connector.db.engine import Terms, Tx
from connector.db.schema import schema_info
from connector.db.types import Identifier, stored_documents
from connector.jobs.config_hash import claimed_by
from connector.jobs.job import Run
from connector.jobs.places import NOW, Place, behind_now, is_due
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

HEAD = 500
"""Waiting jobs among which damaged ones are looked for when a claim is refused."""

KEY = Identifier()


def _place(name: str) -> Any:
    """Return any place, in a statement that is built once."""
    rank = sa.bindparam(f"{name}_rank", type_=sa.BigInteger)
    return rank, sa.bindparam(f"{name}_token", type_=KEY)


PLACE, SINCE = _place("ahead"), _place("since")
AT = sa.bindparam("at_rank", type_=sa.BigInteger)


def claim(
    tx: Tx,
    queue: str,
    worker_id: str,
    limit: int,
    *,
    ahead: Place | None = None,
    since: Place | None = None,
    at: int | None = None,
    without: Collection[str] = (),
    config_hash: str | None = None,
) -> list[Run]:
    """Take up to `limit` due jobs of a queue whose jobs do not exclude each other.

    `ahead`: those that are due but ranked behind now, from there on; `since`: those behind this
    place, if what is before has been claimed a moment ago; `at`: those of this rank; `without`:
    tokens to pass over; `config_hash`: of the configuration that the worker runs them with.
    """
    if without or not tx.dialect.changes_at_once:
        chosen = but(_free(tx, queue, worker_id, limit, ahead, since, at), without)
        return take(tx, chosen, worker_id, config_hash)
    given = {"queue_name": queue, "worker": worker_id, "most": limit}
    if ahead not in (None, NOW):
        given |= {"ahead_rank": ahead[0], "ahead_token": ahead[1]}
        ahead = PLACE
    if since is not None:
        given |= {"since_rank": since[0], "since_token": since[1]}
        since = SINCE
    there = AT if at is not None else None
    if there is not None:
        given["at_rank"] = at
    rows = tx.execute_built(_claiming, given, ahead, since, there, config_hash).all()
    return _runs(tx, rows, worker_id)


@lru_cache(maxsize=64)
def _claiming(
    dialect: Dialect,
    now: ColumnElement[datetime],
    ahead: Place | None,
    since: Place | None,
    at: ColumnElement[int] | None,
    config_hash: str | None,
) -> sa.UpdateBase:
    """Return the statement of a claim."""
    terms = Terms(dialect, now)
    queue, worker = sa.bindparam("queue_name", type_=sa.Text), sa.bindparam("worker", type_=KEY)
    most = sa.bindparam("most", type_=sa.Integer)
    chosen = _free(terms, queue, worker, most, ahead, since, at)
    return dialect.changing(jobs, chosen, _claimed(terms, worker, config_hash), TAKEN)


def _free(
    terms: Terms,
    queue: ColumnElement[str] | str,
    worker_id: ColumnElement[str] | str,
    limit: ColumnElement[int] | int,
    ahead: Place | None,
    since: Place | None,
    at: ColumnElement[int] | int | None,
) -> sa.Select[tuple[str]]:
    """Return the choice of due jobs, if the queue is free to be claimed from."""
    free = ~sa.exists().where(
        queues.c.queue == queue, queues.c.paused.is_(True) | queues.c.max_running.isnot(None)
    )
    chosen = candidates(terms, queue, limit, ahead).where(may_claim(worker_id), free)
    if at is not None:
        chosen = chosen.where(jobs.c.rank == at)
    if since is None:
        return chosen
    # Else each claim would go through all that have been claimed since the last vacuum. The rank
    # once more by itself: MariaDB uses an index for that alone.
    behind = sa.tuple_(jobs.c.rank, jobs.c.token) > sa.tuple_(*since)
    return chosen.where(jobs.c.rank >= since[0], behind)


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


def may_claim(worker_id: ColumnElement[str] | str) -> ColumnElement[bool]:
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
    rows = tx.change(jobs, chosen, _claimed(tx, worker_id, config_hash), *TAKEN)
    return _runs(tx, rows, worker_id)


def _claimed(
    terms: Terms, worker_id: ColumnElement[str] | str, config_hash: str | None
) -> dict[str, Any]:
    """Return what a claim changes in a job."""
    attempt = jobs.c.attempt + 1
    return {
        "state": State.RUNNING,
        "attempt": attempt,
        "worker_id": worker_id,
        "started_at": terms.now,
        **claimed_by(config_hash),
        "changed_by": sa.literal("worker claim ") + sa.cast(attempt, sa.Text),
    }


TAKEN = (
    jobs.c.rank,
    jobs.c.token,
    jobs.c.attempt,
    jobs.c.queue,
    sa.cast(jobs.c.parameters, sa.Text).label("parameters"),
    jobs.c.failures,
    jobs.c.tasks,
)
"""What a claim gets back of each job, its place in the order of claims first. The parameters as
text: those of all are read at once."""


def _runs(tx: Tx, rows: Sequence[Any], worker_id: str) -> list[Run]:
    """Return the runs in the order of claims."""
    in_order: list[Any] = sorted(rows, key=itemgetter(0, 1))
    saved = _checkpoints(tx, [row.token for row in in_order if row.attempt > 1])
    documents = stored_documents([row.parameters for row in in_order])
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
            rank,
        )
        for (rank, token, attempt, queue, _, failures, tasks), parameters in zip(
            in_order, documents, strict=True
        )
    ]


def candidates(
    terms: Terms,
    queue: ColumnElement[str] | str,
    limit: ColumnElement[int] | int,
    ahead: Place | None,
) -> sa.Select[tuple[str]]:
    """Return the choice of the first due jobs of a queue that nobody has locked."""
    due = is_due(terms)
    select = sa.select(jobs.c.token).where(is_open(State.QUEUED), jobs.c.queue == queue, due)
    if ahead is not None:
        some = behind_now(terms, queue, ahead).subquery()
        select = select.where(jobs.c.token.in_(sa.select(some.c.token)))
    else:
        select = select.where(jobs.c.rank <= terms.micros(terms.now))
    return (
        select.order_by(jobs.c.rank, jobs.c.token)
        .limit(limit)
        .with_for_update(skip_locked=True, of=jobs)
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
