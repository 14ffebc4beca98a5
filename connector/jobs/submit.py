"""Storing new actions, and the place of a job in the order of claims."""

from collections.abc import Iterable

from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from connector.jobs.turns import task_key

AGEING_STEP = 60.0
"""Seconds of waiting that one point of priority is worth, unless settings say otherwise."""


def submit(tx: Tx, new: Iterable[NewJob], ageing_step: float = AGEING_STEP) -> None:
    """Store actions as queued jobs. Storing one whose token is there already changes nothing.

    So a caller whose commit was in doubt may simply repeat the call.
    """
    for job in new:
        run_at = tx.after(job.delay)
        row = {
            "token": job.token,
            "queue": job.queue,
            "state": State.QUEUED,
            "priority": job.priority,
            "run_at": run_at,
            "rank": rank(tx, run_at, job.priority, ageing_step, delayed=job.delay > 0),
            "attempt": 0,
            "failures": 0,
            "losses": 0,
            "tasks": ",".join(sorted(job.tasks)) or None if job.tasks else None,
            "task_key": None if job.tasks is None else task_key(job.tasks),
            "parameters": dict(job.parameters),
            "submitted_by": job.submitted_by,
            "action_id": job.action_id,
            "config_hash": job.config_hash,
            "changed_by": "http submit",
            "queued_at": tx.now,
        }
        tx.execute(tx.dialect.insert_new(jobs).values(row))


def rehearse(tx: Tx, ageing_step: float = AGEING_STEP) -> None:
    """Store an action and take it back, in one transaction: raises whatever keeps it from that.

    Nobody else ever sees it.
    """
    step = tx.connection.begin_nested()
    submit(tx, [NewJob(new_token(), "Rehearsal", {})], ageing_step)
    step.rollback()


def rank(
    tx: Tx,
    run_at: ColumnElement,  # type: ignore[type-arg]
    priority: int,
    ageing_step: float,
    *,
    delayed: bool,
) -> ColumnElement[int]:
    """Return the place in the claim order: microseconds, smallest first.

    A point of priority counts as `ageing_step` seconds of waiting, so old work overtakes by itself.
    A delayed job is never ranked before its time: else many of them would stand before what is due.
    """
    boost = round(priority * ageing_step * 1_000_000)
    if delayed:
        boost = min(boost, 0)
    return tx.micros(run_at) - boost
