"""Claims that take turns: of queues with a limit, and of jobs that work on tasks.

Whoever claims so holds the queue's row, and so counts what nobody can change meanwhile.
"""

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from connector.db.engine import Tx
from connector.db.errors import Locked
from connector.jobs.claim import but, candidates, may_claim, take
from connector.jobs.job import Run
from connector.jobs.places import Place, is_due
from connector.jobs.states import State
from connector.jobs.tables import is_open, job_tasks, jobs, queues

BATCH = 500
"""Jobs that are given a key in one transaction."""


def task_key(tasks: Collection[str]) -> str:
    """Return what jobs with the same tasks have in common: 32 characters, none for no tasks."""
    return _digest(",".join(sorted(set(tasks))))


@lru_cache(maxsize=1024)
def _digest(tasks: str) -> str:
    return hashlib.md5(tasks.encode(), usedforsecurity=False).hexdigest()


def claim_in_turn(
    tx: Tx,
    queue: str,
    worker_id: str,
    limit: int,
    known: Collection[str] | None = None,
    *,
    ahead: Place | None = None,
    without: Collection[str] = (),
    config_hash: str | None = None,
) -> list[Run]:
    """Take up to `limit` due jobs of a queue, no more than it may run in the whole cluster.

    `known`: the tasks this worker can run, for a queue whose jobs work on tasks. Each task has one
    job at a time: the one that has begun it, until that has ended, also while it waits to go on.
    Jobs of a task go in order: one that waits for a task keeps younger ones from all of its tasks.
    A job that names an unknown task stays queued, and keeps nobody from anything.
    `ahead`: also jobs that are due but ranked behind now, for their low priority; `without`: tokens
    to pass over; `config_hash`: of the configuration that the worker runs them with.
    Raises Locked if another queue's job has begun one of the tasks in this moment.
    """
    row = tx.execute(
        sa.select(queues.c.paused, queues.c.max_running)
        .where(queues.c.queue == queue, may_claim(worker_id))
        .with_for_update(of=queues)
    ).first()
    if row is None or row.paused:
        return []
    room = limit
    if row.max_running is not None:
        room = min(limit, row.max_running - _running(tx, queue))
    if room <= 0:
        return []
    if known is None:
        return take(tx, but(candidates(tx, queue, room, ahead), without), worker_id, config_hash)
    owners = {row.task: row.token for row in tx.execute(sa.select(job_tasks))}
    chosen = _of_free_tasks(tx, queue, room, set(known), owners, ahead, without)
    runs = take(tx, _still_waiting(tx, chosen), worker_id, config_hash) if chosen else []
    begun = [
        {"task": task, "token": run.token}
        for run in runs
        for task in dict.fromkeys(run.tasks)
        if owners.get(task) != run.token
    ]
    try:
        if begun:
            tx.execute(sa.insert(job_tasks), begun)
    except IntegrityError as error:
        raise Locked("a job of another queue has just begun one of the tasks") from error
    return runs


def _running(tx: Tx, queue: str) -> int:
    count = sa.select(sa.func.count()).where(is_open(State.RUNNING), jobs.c.queue == queue)
    return int(tx.execute(count).scalar_one())


def _of_free_tasks(
    tx: Tx,
    queue: str,
    room: int,
    known: set[str],
    owners: Mapping[str, str],
    ahead: Place | None,
    without: Collection[str],
) -> list[str]:
    """Return jobs that may begin, or go on with, what they work on: at most one a task."""
    taken = dict(owners)
    chosen: list[str] = []
    for row in first(tx, queue, room, owners, ahead, without):
        tasks = set(row.tasks.split(",")) if row.tasks else set()
        if not tasks <= known:
            continue
        free = all(taken.get(task, row.token) == row.token for task in tasks)
        if free and len(chosen) < room:
            chosen.append(row.token)
        for task in tasks:
            taken.setdefault(task, row.token)
    return chosen


def first(
    tx: Tx,
    queue: str,
    room: int,
    owners: Mapping[str, str],
    ahead: Place | None,
    without: Collection[str],
) -> list[Any]:
    """Return, in order, the due jobs that have begun a task, and the first of each set of tasks.

    Of jobs without a task as many as there is room for.
    """
    now = tx.execute(sa.select(tx.micros(tx.now))).scalar_one()
    tokens = set(owners.values())
    key: str | None = ""
    while key is not None:
        # The first of the next key: however many wait under one key, one entry is read.
        row = tx.execute(_waiting(queue, without).where(jobs.c.task_key > key).limit(1)).first()
        key = row.task_key if row else None
        if row and (ahead is not None or row.rank <= now):
            tokens.add(row.token)
    of_none = _waiting(queue, without).where(jobs.c.task_key == task_key(())).limit(room)
    tokens |= {row.token for row in tx.execute(of_none) if ahead is not None or row.rank <= now}
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.tasks)
        .where(jobs.c.token.in_(tokens), jobs.c.queue == queue)
        .where(jobs.c.state == State.QUEUED, is_due(tx))
        .order_by(jobs.c.rank, jobs.c.token)
    )
    return list(rows)


def _waiting(queue: str, without: Collection[str]) -> sa.Select[tuple[str, str | None, int]]:
    """Return the waiting jobs of a queue that work on tasks, in the order of their index."""
    return but(
        sa.select(jobs.c.token, jobs.c.task_key, jobs.c.rank)
        .where(is_open(State.QUEUED), jobs.c.queue == queue)
        .order_by(jobs.c.task_key, jobs.c.rank, jobs.c.token),
        without,
    )


def _still_waiting(tx: Tx, tokens: Collection[str]) -> sa.Select[tuple[str]]:
    """Return the choice of those that nobody has locked or moved meanwhile."""
    return (
        sa.select(jobs.c.token)
        .where(jobs.c.token.in_(tokens), is_open(State.QUEUED), is_due(tx))
        .with_for_update(skip_locked=True)
    )


def adopt(tx: Tx, queue: str, limit: int) -> int:
    """Give a key to waiting jobs without one, stored before their action worked on tasks.

    Claims of such queues go by key. Returns how many there were.
    """
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.tasks)
        .where(is_open(State.QUEUED), jobs.c.queue == queue, jobs.c.task_key.is_(None))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        key = task_key(row.tasks.split(",") if row.tasks else ())
        changes = {"task_key": key, "changed_by": "worker adopt"}
        tx.execute(sa.update(jobs).where(jobs.c.token == row.token).values(changes))
    return len(rows)
