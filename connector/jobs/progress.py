"""How far running jobs are, and where a later attempt goes on. Fenced like every such write."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.errors import LeaseLost
from connector.jobs.fence import holds
from connector.jobs.job import Document, Run
from connector.jobs.states import Requested, State
from connector.jobs.tables import RUNNING_BY, is_open, job_progress, jobs


def save(
    tx: Tx, run: Run, *, progress: Document | None = None, checkpoint: Document | None = None
) -> None:
    """Store progress, a checkpoint, or both; what is None is left as it stands.

    Raises LeaseLost.
    """
    if not holds(tx, run.token, run.attempt, run.worker_id):
        raise LeaseLost(run.token, run.attempt)
    values: dict[str, object] = {"attempt": run.attempt, "updated_at": tx.now}
    if progress is not None:
        values["progress"] = dict(progress)
    if checkpoint is not None:
        values["checkpoint"] = dict(checkpoint)
    changed = tx.execute(
        sa.update(job_progress).where(job_progress.c.token == run.token).values(values)
    )
    if not changed.rowcount:
        tx.execute(sa.insert(job_progress).values(token=run.token, **values))


Held = dict[tuple[str, int], Requested | None]
"""Attempts by token and number: what was asked of each."""


def held(tx: Tx, worker_id: str, runs: Sequence[Run]) -> Held:
    """Return which of these attempts the worker holds still, maybe among others.

    They are looked for from the first one's place in the order of claims on: before it there may be
    very many that have been claimed, and that an old snapshot keeps from being removed.
    """
    if not runs:
        return {}
    found = _held(tx, worker_id, jobs.c.rank >= min(run.rank for run in runs))
    if missing := [run.token for run in runs if run.fence not in found]:
        # Somebody may have given it another place, or another attempt.
        found |= _held(tx, worker_id, jobs.c.token.in_(missing))
    return found


def _held(tx: Tx, worker_id: str, where: ColumnElement[bool]) -> Held:
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.attempt, jobs.c.requested)
        .with_hint(jobs, RUNNING_BY, "mariadb")
        .where(is_open(State.RUNNING), jobs.c.worker_id == worker_id, where)
    )
    return {(row.token, row.attempt): row.requested and Requested(row.requested) for row in rows}
