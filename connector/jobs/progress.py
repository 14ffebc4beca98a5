"""How far running jobs are, and where a later attempt goes on. Fenced like every such write."""

import sqlalchemy as sa

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


def held(tx: Tx, worker_id: str) -> dict[tuple[str, int], Requested | None]:
    """Return the attempts that this worker holds, by token and number: what was asked of each."""
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.attempt, jobs.c.requested)
        .with_hint(jobs, RUNNING_BY, "mariadb")
        .where(is_open(State.RUNNING), jobs.c.worker_id == worker_id)
    )
    return {(row.token, row.attempt): row.requested and Requested(row.requested) for row in rows}
