"""The fence: a write about a running job counts only from the attempt that holds it."""

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.states import State
from connector.jobs.tables import jobs


def held(token: str, attempt: int, worker_id: str) -> ColumnElement[bool]:
    """Return the condition that this attempt of this worker still holds the job."""
    return sa.and_(
        jobs.c.token == token,
        jobs.c.attempt == attempt,
        jobs.c.worker_id == worker_id,
        jobs.c.state == State.RUNNING,
    )


def holds(tx: Tx, token: str, attempt: int, worker_id: str) -> bool:
    """Say whether this attempt of this worker still holds the job.

    The row is locked until the transaction ends, so the answer stays true that long: keep it short.
    """
    fence = held(token, attempt, worker_id)
    return bool(tx.execute(sa.select(jobs.c.token).where(fence).with_for_update()).scalar())
