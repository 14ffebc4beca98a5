"""The fence: a write about a running job counts only from the attempt that holds it."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.db.errors import Locked
from connector.jobs.states import State
from connector.jobs.tables import jobs


def held(token: str, attempt: int, worker_id: str) -> ColumnElement[bool]:
    """Return the condition that this attempt of this worker still holds the job."""
    return sa.and_(jobs.c.token == token, of_attempt(attempt, worker_id))


def of_attempt(
    attempt: ColumnElement[int] | int, worker_id: ColumnElement[str] | str
) -> ColumnElement[bool]:
    """Return the condition that a job is held by an attempt of this number, of this worker."""
    return sa.and_(
        jobs.c.attempt == attempt,
        jobs.c.worker_id == worker_id,
        # Not as an index wants it: PostgreSQL would look through all that run, if it believed
        # that few do, rather than take the one row by its key.
        sa.func.coalesce(jobs.c.state, "") == State.RUNNING,
    )


def locked(tx: Tx, tokens: Collection[str]) -> set[str]:
    """Return those jobs, of the named that are there, whose rows somebody else has locked."""
    select = sa.select(jobs.c.token).where(jobs.c.token.in_(tokens))
    free = set(tx.execute(select.with_for_update(skip_locked=True)).scalars())
    return set(tx.execute(select).scalars()) - free


def holds(tx: Tx, token: str, attempt: int, worker_id: str) -> bool:
    """Say whether this attempt of this worker still holds the job.

    The row is locked until the transaction ends, so the answer stays true that long: keep it short.
    Raises Locked, without waiting, if somebody else has locked it.
    """
    mine = sa.select(jobs.c.token).where(held(token, attempt, worker_id))
    if tx.execute(mine.with_for_update(skip_locked=True)).scalar() is not None:
        return True
    if tx.execute(mine).scalar() is not None:
        raise Locked(f"the row of {token} in jobs is locked by somebody else")
    return False
