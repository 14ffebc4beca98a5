"""Verbs of clients and operators about one job, and about all that run of a queue.

They never write what belongs to a running attempt: of one that runs they ask. Repeating a verb is
harmless. `by`: who does it, as in "http 10.0.0.7" or "cli alice"; `reason`: why, for the trail;
`outbox`: who is to be told of an end.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.errors import CannotPause, NoSuchJob, WrongState
from connector.jobs.events import record
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.states import FINAL, Requested, State
from connector.jobs.submit import AGEING_STEP
from connector.jobs.tables import is_open, jobs, queues

_ASKED = ("requested", "requested_at", "requested_by", "requested_reason")


def cancel(
    tx: Tx, token: str, by: str, reason: str | None = None, outbox: Outbox = NOBODY
) -> State:
    """Take a waiting job out: it never starts. Returns the state it is in then.

    Raises NoSuchJob, or WrongState for one that runs or has ended.
    """
    state, _ = _locked(tx, token)
    if state is State.CANCELLED:
        return state
    if state not in (State.QUEUED, State.PAUSED):
        raise WrongState("cancel", token, state)
    return _cancel(tx, token, state, by, reason, outbox)


def stop(tx: Tx, token: str, by: str, reason: str | None = None, outbox: Outbox = NOBODY) -> State:
    """End a job whatever it does: a running one is asked to stop, a waiting one is cancelled.

    Returns the state it is in then: RUNNING means that it will end as stopped, whatever else
    happens to it. Raises NoSuchJob, or WrongState for one that has ended.
    """
    state, requested = _locked(tx, token)
    if state in (State.STOPPED, State.CANCELLED):
        return state
    if state in FINAL:
        raise WrongState("stop", token, state)
    if state is not State.RUNNING:
        return _cancel(tx, token, state, by, reason, outbox)
    if requested is not Requested.STOP:
        _ask(tx, token, Requested.STOP, by, reason)
    return State.RUNNING


def stop_all(
    tx: Tx, queue: str, by: str, reason: str | None = None, tasks: Collection[str] = ()
) -> list[str]:
    """Ask every running job of a queue to stop. Returns the tokens of those that run.

    `tasks`: only those that work on one of them.
    """
    running = (is_open(State.RUNNING), jobs.c.queue == queue)
    rows = tx.execute(sa.select(jobs.c.token, jobs.c.tasks).where(*running)).all()
    stopping = []
    for row in rows:
        if tasks and not set(tasks).intersection((row.tasks or "").split(",")):
            continue
        token = row.token
        state, requested = _locked(tx, token)
        if state is not State.RUNNING:
            continue
        if requested is not Requested.STOP:
            _ask(tx, token, Requested.STOP, by, reason)
        stopping.append(token)
    return stopping


def pause(
    tx: Tx, token: str, by: str, reason: str | None = None, *, pausable: bool = True
) -> State:
    """Have a job wait until it is resumed: one that runs is asked to save where it is and end.

    `pausable`: whether one that runs can do so. Returns the state it is in then: RUNNING means that
    it will end as paused, unless it ends before or is stopped. Raises NoSuchJob, WrongState for one
    that has ended or is being stopped, or CannotPause.
    """
    state, requested = _locked(tx, token)
    if state is State.PAUSED:
        return state
    if state in FINAL or requested is Requested.STOP:
        raise WrongState("pause", token, state)
    if state is State.RUNNING and not pausable:
        raise CannotPause(token)
    if state is State.QUEUED:
        return _move(tx, token, "hold", state, State.PAUSED, by, reason)
    if requested is None:
        _ask(tx, token, Requested.PAUSE, by, reason)
    return state


def resume(tx: Tx, token: str, by: str, reason: str | None = None) -> State:
    """Have a paused job wait for a worker again; it goes on from its checkpoint.

    Of one that runs, a pause that was asked for is taken back. Returns the state it is in then.
    Raises NoSuchJob, or WrongState for one that has ended.
    """
    state, requested = _locked(tx, token)
    if state in FINAL:
        raise WrongState("resume", token, state)
    if state is State.PAUSED:
        return _move(tx, token, "resume", state, State.QUEUED, by, reason)
    if requested is Requested.PAUSE:
        _change(tx, token, {**dict.fromkeys(_ASKED), "changed_by": f"{by} pause withdrawn"})
        record(tx, token, "pause withdrawn", by, reason=reason)
    return state


def reopen(tx: Tx, token: str, by: str, reason: str | None = None) -> State:
    """Have a failed, stopped or cancelled job run again: same token, failures forgotten.

    What it has saved is kept, so it goes on from its checkpoint. One that has not ended is left
    alone. Returns the state it is in then. Raises NoSuchJob, or WrongState for one that finished.
    """
    state, _ = _locked(tx, token)
    if state not in FINAL:
        return state
    if state is State.FINISHED:
        raise WrongState("retry", token, state)
    boost = sa.cast(jobs.c.priority * _step() * 1_000_000, sa.BigInteger())
    values = {
        **dict.fromkeys(("result", "error", "ended_at", "worker_id", *_ASKED)),
        "failures": 0,
        "run_at": tx.now,
        "rank": tx.micros(tx.now) - boost,
    }
    return _move(tx, token, "reopen", state, State.QUEUED, by, reason, values)


def reprioritise(tx: Tx, token: str, priority: int, by: str, reason: str | None = None) -> State:
    """Give a job that has not ended another priority; larger runs sooner.

    Its waiting so far still counts. Returns the state it is in.
    Raises NoSuchJob, or WrongState for one that has ended.
    """
    state, _ = _locked(tx, token)
    if state in FINAL:
        raise WrongState("reprioritise", token, state)
    if tx.execute(sa.select(jobs.c.priority).where(jobs.c.token == token)).scalar() == priority:
        return state
    boost = sa.cast((priority - jobs.c.priority) * _step() * 1_000_000, sa.BigInteger())
    moved, its_time = jobs.c.rank - boost, tx.micros(jobs.c.run_at)
    early = sa.and_(jobs.c.run_at > tx.now, moved < its_time)
    values = {
        "priority": priority,
        # A delayed job is never ranked before its time.
        "rank": sa.case((early, its_time), else_=moved),
        "changed_by": f"{by} reprioritise {priority}",
    }
    _change(tx, token, values)
    told = f"priority {priority}"
    record(tx, token, "reprioritise", by, reason=f"{told}: {reason}" if reason else told)
    return state


def _locked(tx: Tx, token: str) -> tuple[State, Requested | None]:
    """Return state and request of the job, its row locked so that they cannot move meanwhile."""
    columns = (jobs.c.state, jobs.c.requested)
    row = tx.execute(sa.select(*columns).where(jobs.c.token == token).with_for_update()).first()
    if row is None:
        raise NoSuchJob(token)
    return State(row.state), Requested(row.requested) if row.requested else None


def _cancel(
    tx: Tx, token: str, source: State, by: str, reason: str | None, outbox: Outbox
) -> State:
    ended = {"ended_at": tx.now}
    state = _move(tx, token, "cancel", source, State.CANCELLED, by, reason, ended)
    outbox.cancelled(tx, token)
    return state


def _move(
    tx: Tx,
    token: str,
    verb: str,
    source: State,
    target: State,
    by: str,
    reason: str | None,
    values: Mapping[str, Any] | None = None,
) -> State:
    _change(tx, token, {**(values or {}), "state": target, "changed_by": f"{by} {verb}"})
    record(tx, token, verb, by, source=source, target=target, reason=reason)
    return target


def _ask(tx: Tx, token: str, what: Requested, by: str, reason: str | None) -> None:
    asked = dict(zip(_ASKED, (what, tx.now, by, reason), strict=True))
    _change(tx, token, {**asked, "changed_by": f"{by} {what} request"})
    record(tx, token, f"{what} requested", by, reason=reason)


def _change(tx: Tx, token: str, values: Mapping[str, Any]) -> None:
    tx.execute(sa.update(jobs).where(jobs.c.token == token).values(values))


def _step() -> ColumnElement[float]:
    """Return the seconds of waiting that a point of priority is worth in the job's queue."""
    of_queue = sa.select(queues.c.ageing_step).where(queues.c.queue == jobs.c.queue)
    return sa.func.coalesce(of_queue.scalar_subquery(), AGEING_STEP)
