"""Verbs that end an attempt: finish, fail, retry, release, stop. Each is fenced.

Whichever comes first honours what was requested meanwhile: a stop asked for makes it `stopped`,
a pause asked for makes it `paused` where it would have been queued again.

`parts`: of a result that is too large for the job's row (`connector.jobs.parts`); `result` is then
its beginning, as `connector.jobs.cutting` makes it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Dialect
from connector.db.engine import Tx
from connector.db.types import Identifier
from connector.jobs import results
from connector.jobs.errors import LeaseLost
from connector.jobs.events import record
from connector.jobs.fence import held, of_attempt
from connector.jobs.job import Document, Run
from connector.jobs.states import FINAL, Requested, State
from connector.jobs.tables import MAX_COUNT, MAX_ERROR, jobs

Text = ColumnElement[str]


def finish(tx: Tx, run: Run, result: Document, parts: Iterable[str] = ()) -> State:
    """Record that the action ended well. Returns the state reached. Raises LeaseLost."""
    return _end(tx, run, "finish", {"result": dict(result)}, State.FINISHED, parts=parts)


def finish_all(
    tx: Tx, ended: Sequence[tuple[Run, Document]], skip_locked: bool = False
) -> set[str]:
    """Record that many actions ended well, each with its result; return the tokens of those done.

    The others are left alone: what was asked of them, or a lost lease, is for `finish`.
    `skip_locked`: and so are those whose rows somebody has locked, instead of waiting for them.
    """
    done: set[str] = set()
    groups: dict[tuple[str, int], dict[str, Document]] = {}
    for run, result in ended:
        groups.setdefault((run.worker_id, run.attempt), {})[run.token] = dict(result)
    for (worker_id, attempt), results_by_token in groups.items():
        for tokens, result, own in tx.dialect.together(results_by_token):
            given = {"worker": worker_id, "attempt_number": attempt, "outcome": result}
            given["done_by"] = f"worker finish {attempt}"
            if tx.dialect.changes_at_once:
                given["tokens"] = tx.dialect.listed(tokens)
                rows = tx.execute_built(_finishing, given, own, skip_locked).all()
            else:
                mine = sa.and_(jobs.c.token.in_(tokens), *_unasked(attempt, worker_id))
                chosen = sa.select(jobs.c.token).where(mine).with_for_update(skip_locked=True)
                values = _finished(tx.now, given["done_by"], result)
                rows = tx.change(jobs, chosen, values, jobs.c.token)
            done.update(token for (token,) in rows)
    return done


@lru_cache(maxsize=64)
def _finishing(
    dialect: Dialect, now: ColumnElement[datetime], own: bool, skip_locked: bool
) -> sa.UpdateBase:
    """Return the statement of `finish_all`; `own`: each job has its own of several results."""
    worker, attempt = (
        sa.bindparam("worker", type_=Identifier()),
        sa.bindparam("attempt_number", type_=jobs.c.attempt.type),
    )
    mine = sa.and_(dialect.among(jobs.c.token, "tokens"), *_unasked(attempt, worker))
    free = sa.select(jobs.c.token).where(mine).with_for_update(skip_locked=True)
    result: ColumnElement[Any] = sa.bindparam("outcome", type_=jobs.c.result.type)
    if own:
        result = dialect.own_of(jobs.c.token, "outcome")
    values = _finished(now, sa.bindparam("done_by", type_=sa.Text), result)
    return dialect.changing(jobs, free if skip_locked else mine, values, [jobs.c.token])


def _finished(now: ColumnElement[datetime], by: Any, result: Any) -> dict[str, Any]:
    return {"state": State.FINISHED, "ended_at": now, "changed_by": by, "result": result}


def _unasked(attempt: Any, worker_id: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that this attempt holds a job of which nothing has been asked."""
    return of_attempt(attempt, worker_id), jobs.c.requested.is_(None)


def fail(
    tx: Tx, run: Run, error: str, result: Document | None = None, parts: Iterable[str] = ()
) -> State:
    """Record that the action ended badly for good. Returns the state reached. Raises LeaseLost."""
    values = {"error": _cut(error), "result": dict(result) if result else None}
    return _end(tx, run, "fail", values, State.FAILED, parts=parts)


def stop(tx: Tx, run: Run) -> State:
    """Record that the attempt ended because a stop was requested. Raises LeaseLost."""
    return _end(tx, run, "stop", {}, State.STOPPED)


def retry(tx: Tx, run: Run, error: str, pause: float, max_attempts: int) -> State:
    """Record a failure that may pass: queued again after `pause` seconds, if tries are left.

    After the last one it is failed, with a message that says how often it was tried.
    Returns the state reached. Raises LeaseLost.
    """
    failures = run.failures + 1
    if failures >= max_attempts:
        tried = f"{error} (tried {failures} times, MaxAttempts={max_attempts})"
        return _end(tx, run, "fail", {"error": _cut(tried), "failures": failures}, State.FAILED)
    values = {"failures": failures, **_back(tx, pause)}
    return _end(tx, run, "retry", values, State.QUEUED, reason=error)


def release(tx: Tx, run: Run, reason: str, pause: float = 0.0) -> State:
    """Hand the job back without charge. Returns the state reached. Raises LeaseLost."""
    return _end(tx, run, "release", _back(tx, pause), State.QUEUED, reason=reason)


def lose(tx: Tx, run: Run, reason: str, actor: str) -> State:
    """Hand back a job whose worker or host is gone: a loss, not a failure. Raises LeaseLost."""
    losses = sa.case((jobs.c.losses < MAX_COUNT, jobs.c.losses + 1), else_=jobs.c.losses)
    values = {"losses": losses, **_back(tx, 0.0)}
    return _end(tx, run, "release", values, State.QUEUED, reason=reason, actor=actor)


def _back(tx: Tx, pause: float) -> dict[str, Any]:
    """Return the columns of a job that waits again; its place in the order is kept if undelayed."""
    if not pause:
        return {}
    run_at = tx.after(pause)
    # What a low priority holds it back by; a delayed job is never ranked before its time.
    held_back = jobs.c.rank - tx.micros(jobs.c.run_at)
    return {
        "run_at": run_at,
        "rank": tx.micros(run_at) + sa.case((held_back > 0, held_back), else_=0),
    }


def _end(
    tx: Tx,
    run: Run,
    verb: str,
    values: dict[str, Any],
    target: State,
    *,
    reason: str | None = None,
    actor: str = "worker",
    parts: Iterable[str] = (),
) -> State:
    state = _honouring(target)
    ended = sa.case((state.in_([str(s) for s in FINAL]), tx.now), else_=sa.null())
    waits = state.in_([State.QUEUED, State.PAUSED])
    done = f"{actor} {verb} {run.attempt}"  # and what it became, if something was asked meanwhile
    asked_to_pause = sa.and_(jobs.c.requested == Requested.PAUSE, state == State.PAUSED)
    rows = tx.change(
        jobs,
        held(run.token, run.attempt, run.worker_id),
        {
            "state": state,
            "ended_at": ended,
            "worker_id": sa.case((waits, sa.null()), else_=jobs.c.worker_id),
            "requested": sa.case((asked_to_pause, sa.null()), else_=jobs.c.requested),
            "changed_by": sa.case((state == target, done), else_=sa.literal(f"{done} ") + state),
            **values,
        },
        jobs.c.state,
    )
    if not rows:
        return _settled(tx, run, verb, target)
    if parts:
        results.store(tx, run.token, parts)
    reached = State(rows[0].state)
    made = {State.STOPPED: "stop", State.PAUSED: "suspend"}.get(reached, verb)
    if made not in ("finish", "fail"):
        record(
            tx,
            run.token,
            made,
            actor,
            source=State.RUNNING,
            target=reached,
            attempt=run.attempt,
            reason=reason,
        )
    return reached


def _honouring(target: State) -> Text:
    """Return the state that is reached when `target` is meant, given what was requested."""
    asked: list[tuple[ColumnElement[bool], str]] = [
        (jobs.c.requested == Requested.STOP, State.STOPPED.value)
    ]
    if target is State.QUEUED:
        asked.append((jobs.c.requested == Requested.PAUSE, State.PAUSED.value))
    return sa.case(*asked, else_=target.value)


def _settled(tx: Tx, run: Run, verb: str, target: State) -> State:
    """Tell a repeat of our own write, whose commit had been in doubt, from a lost lease."""
    row = tx.execute(
        sa.select(jobs.c.state, jobs.c.changed_by).where(
            jobs.c.token == run.token, jobs.c.attempt == run.attempt
        )
    ).first()
    done = f"worker {verb} {run.attempt}"
    if row is not None and row.changed_by in (done, f"{done} {row.state}"):
        return State(row.state)
    raise LeaseLost(run.token, run.attempt)


def refused(tx: Tx, run: Run, verb: str) -> None:
    """Record that a write of this attempt was refused by the fence."""
    known = tx.execute(sa.select(jobs.c.token).where(jobs.c.token == run.token)).scalar()
    if known:
        record(tx, run.token, "fenced", run.worker_id, attempt=run.attempt, reason=verb)


def _cut(error: str) -> str:
    text = error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"
