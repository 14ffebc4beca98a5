"""The claim: a worker takes due jobs for itself, in order, and nobody else gets them."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.tables import job_progress, jobs, queues

_HELD_BACK = sa.exists().where(queues.c.queue == jobs.c.queue, queues.c.paused.is_(True))


def due(tx: Tx, names: Collection[str]) -> dict[str, float]:
    """Return for each queue with waiting jobs the seconds until its first may be due (0: now).

    A look at the head of the index, cheap enough to be taken before each claim.
    """
    rows = tx.execute(
        sa.select(jobs.c.queue, (sa.func.min(jobs.c.rank) - tx.micros(tx.now)).label("micros"))
        .where(jobs.c.state == State.QUEUED, jobs.c.queue.in_(names))
        .group_by(jobs.c.queue)
    )
    return {row.queue: max(0.0, row.micros / 1e6) for row in rows}


def claim(tx: Tx, queue: str, worker_id: str, limit: int) -> list[Run]:
    """Take up to `limit` due jobs of a queue whose jobs do not exclude each other."""
    chosen = _candidates(tx, queue, limit).with_only_columns(jobs.c.token)
    return _take(tx, chosen, worker_id)


def claim_by_task(
    tx: Tx, queue: str, worker_id: str, limit: int, known: Collection[str]
) -> list[Run]:
    """Take up to `limit` due jobs of a queue, at most one for each task in the whole cluster.

    A task belongs to the job that has begun it until that has ended, also while it waits to go on.

    `known`: the tasks this worker can run; a job that names another stays queued. Claims of the
    queue take turns on its row in `queues`, so that two workers cannot both find a task idle.
    """
    tx.execute(sa.select(queues.c.queue).where(queues.c.queue == queue).with_for_update())
    owners = _owners(tx, queue)
    passed_over: set[str] = set()
    blocked: set[str] = set()
    chosen: list[str] = []
    while len(chosen) < limit:
        select = _candidates(tx, queue, limit).where(jobs.c.token.notin_(chosen))
        if passed_over:
            own = jobs.c.token.in_(set(owners.values()))
            free = jobs.c.tasks.is_(None) | jobs.c.tasks.notin_(passed_over)
            select = select.where(free | own, jobs.c.token.notin_(blocked))
        rows = tx.execute(select).all()
        for row in rows:
            tasks = set(row.tasks.split(",")) if row.tasks else set()
            if len(chosen) == limit:
                break
            held = any(owners.get(task, row.token) != row.token for task in tasks)
            if held or not tasks <= set(known):
                passed_over.add(row.tasks)
                blocked.add(row.token)
                continue
            chosen.append(row.token)
            owners.update(dict.fromkeys(tasks, row.token))
        if not rows:
            break
    return _take(tx, jobs.c.token.in_(chosen), worker_id) if chosen else []


def _owners(tx: Tx, queue: str) -> dict[str, str]:
    """Return the job that each task belongs to: one that runs, or has begun and waits to go on.

    So a job that was handed back in the middle of a task goes on before another one begins it.
    """
    begun = sa.and_(jobs.c.state.in_([State.QUEUED, State.PAUSED]), jobs.c.attempt > 0)
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.tasks, jobs.c.state)
        .where(jobs.c.queue == queue, jobs.c.tasks.isnot(None))
        .where((jobs.c.state == State.RUNNING) | begun)
        .order_by(jobs.c.token)
    ).all()
    owners: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.state != State.RUNNING):
        for task in row.tasks.split(","):
            owners.setdefault(task, row.token)
    return owners


def _candidates(tx: Tx, queue: str, limit: int) -> sa.Select[tuple[str, str | None]]:
    return (
        sa.select(jobs.c.token, jobs.c.tasks)
        .where(
            jobs.c.state == State.QUEUED,
            jobs.c.queue == queue,
            jobs.c.rank <= tx.micros(tx.now),
            jobs.c.run_at <= tx.now,
            ~_HELD_BACK,
        )
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(limit)
        .with_for_update(skip_locked=True, of=jobs)
    )


def _take(tx: Tx, chosen: ColumnElement[bool] | sa.Select[tuple[str]], worker_id: str) -> list[Run]:
    attempt = jobs.c.attempt + 1
    rows = tx.change(
        jobs,
        chosen,
        {
            "state": State.RUNNING,
            "attempt": attempt,
            "worker_id": worker_id,
            "started_at": tx.now,
            "changed_by": sa.literal("worker claim ") + sa.cast(attempt, sa.Text),
        },
        jobs.c.token,
        jobs.c.attempt,
        jobs.c.queue,
        jobs.c.parameters,
        jobs.c.failures,
        jobs.c.tasks,
        jobs.c.rank,
    )
    saved = _checkpoints(tx, [row.token for row in rows if row.attempt > 1])
    return [
        Run(
            token=row.token,
            attempt=row.attempt,
            worker_id=worker_id,
            queue=row.queue,
            parameters=row.parameters,
            failures=row.failures,
            tasks=tuple(row.tasks.split(",")) if row.tasks else (),
            checkpoint=saved.get(row.token),
        )
        for row in sorted(rows, key=lambda row: (row.rank, row.token))
    ]


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
