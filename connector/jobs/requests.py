"""Verbs of clients: submit, cancel, stop. They never write what belongs to a running attempt."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.errors import NoSuchJob, WrongState
from connector.jobs.events import record
from connector.jobs.job import NewJob
from connector.jobs.states import FINAL, Requested, State
from connector.jobs.tables import jobs

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
            "tasks": ",".join(sorted(job.tasks)) or None,
            "parameters": dict(job.parameters),
            "submitted_by": job.submitted_by,
            "action_id": job.action_id,
            "config_hash": job.config_hash,
            "changed_by": "http submit",
            "queued_at": tx.now,
        }
        tx.execute(tx.dialect.insert_new(jobs).values(row))


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


def cancel(tx: Tx, token: str, by: str, reason: str | None = None) -> State:
    """Take a waiting job out: it never starts. Returns the state it is in then.

    Repeating it is harmless. Raises NoSuchJob, or WrongState for one that runs or has ended.
    """
    state = _locked(tx, token)
    if state is State.CANCELLED:
        return state
    if state not in (State.QUEUED, State.PAUSED):
        raise WrongState("cancel", token, state)
    return _cancel(tx, token, state, by, reason)


def stop(tx: Tx, token: str, by: str, reason: str | None = None) -> State:
    """End a job whatever it does: a running one is asked to stop, a waiting one is cancelled.

    Returns the state it is in then: RUNNING means that it will end as stopped, whatever else
    happens to it. Repeating it is harmless. Raises NoSuchJob, or WrongState for one that has ended.
    """
    state = _locked(tx, token)
    if state in (State.STOPPED, State.CANCELLED):
        return state
    if state in FINAL:
        raise WrongState("stop", token, state)
    if state is not State.RUNNING:
        return _cancel(tx, token, state, by, reason)
    changed = tx.execute(
        sa.update(jobs)
        .where(jobs.c.token == token, jobs.c.requested.is_distinct_from(Requested.STOP))
        .values(_asked(tx, by, reason))
    )
    if changed.rowcount:
        record(tx, token, "stop requested", by, reason=reason)
    return State.RUNNING


def stop_all(tx: Tx, queue: str, by: str, reason: str | None = None) -> list[str]:
    """Ask every running job of a queue to stop. Returns the tokens of those that run."""
    running = (jobs.c.state == State.RUNNING, jobs.c.queue == queue)
    tokens = list(tx.execute(sa.select(jobs.c.token).where(*running)).scalars())
    for token in tokens:
        changed = tx.execute(
            sa.update(jobs)
            .where(*running, jobs.c.token == token)
            .where(jobs.c.requested.is_distinct_from(Requested.STOP))
            .values(_asked(tx, by, reason))
        )
        if changed.rowcount:
            record(tx, token, "stop requested", by, reason=reason)
    return tokens


def _locked(tx: Tx, token: str) -> State:
    """Return the state of the job, its row locked so that the state cannot move meanwhile."""
    select = sa.select(jobs.c.state).where(jobs.c.token == token).with_for_update()
    state = tx.execute(select).scalar()
    if state is None:
        raise NoSuchJob(token)
    return State(state)


def _cancel(tx: Tx, token: str, source: State, by: str, reason: str | None) -> State:
    tx.execute(
        sa.update(jobs)
        .where(jobs.c.token == token)
        .values(state=State.CANCELLED, ended_at=tx.now, changed_by=f"{by} cancel")
    )
    record(tx, token, "cancel", by, source=source, target=State.CANCELLED, reason=reason)
    return State.CANCELLED


def _asked(tx: Tx, by: str, reason: str | None) -> dict[str, object]:
    return {
        "requested": Requested.STOP,
        "requested_at": tx.now,
        "requested_by": by,
        "requested_reason": reason,
        "changed_by": f"{by} stop request",
    }
