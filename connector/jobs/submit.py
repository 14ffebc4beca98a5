"""Storing new actions, and the place of a job in the order of claims."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.errors import JobError, KeyReused, QueueFull
from connector.jobs.events import record
from connector.jobs.job import NewJob, Overlap
from connector.jobs.overlap import standing
from connector.jobs.states import State
from connector.jobs.tables import idempotency_keys, is_open, job_events, jobs
from connector.jobs.token import new_token
from connector.jobs.turns import task_key

AGEING_STEP = 60.0
"""Seconds of waiting that one point of priority is worth, unless settings say otherwise."""


def submit(
    tx: Tx,
    new: Iterable[NewJob],
    ageing_step: float = AGEING_STEP,
    most: Mapping[str, int] | None = None,
    *,
    tell: bool = False,
) -> list[str | JobError]:
    """Store actions as queued jobs, and return the token of each, or why it was not stored.

    Of one whose idempotency key was used before this is the token of then if the request was the
    same, else KeyReused. Where a task has an action already it is as the job's `overlap` says: the
    token of that one, or TaskBusy. Storing one whose token is there already changes nothing: a
    caller whose commit was in doubt may simply repeat the call. `most`: for queues that may be
    full, how many may wait there; beyond that it is QueueFull. `tell`: have the commit tell workers
    that listen, as `News` has it.
    """
    told: list[str | JobError] = []
    most = most or {}
    room = _Room(tx, most)
    at_once: dict[int, list[dict[str, Any]]] = defaultdict(list)
    copies = []
    for job in new:
        if is_plain(job) and job.queue not in most:  # as nearly all are: nothing to look up
            told.append(job.token)
            at_once[0].append(_row(job))
            continue
        if job.overlap is not Overlap.QUEUE:
            _store(tx, at_once, ageing_step, tell)  # it may be one of them that is in its way
        token = _token(tx, job, room)
        if isinstance(token, KeyReused):
            _store(tx, at_once, ageing_step, tell)  # it may be one of them that the key stands for
            token = _within(tx, job.queue, token)
        told.append(token)
        if token != job.token:
            continue
        if job.copy_of is not None:
            copies.append(job)
        if job.delay:
            run_at = tx.after(job.delay)
            place = rank(tx, run_at, job.priority, ageing_step, delayed=True)
            _insert(tx, [_row(job)], job.priority, run_at, place, tell)
        else:
            at_once[job.priority].append(_row(job))
    _store(tx, at_once, ageing_step, tell)
    for job in copies:
        _tell_copy(tx, job)
    return told


def is_plain(job: NewJob) -> bool:
    """Say whether a job is stored by one statement, together with others of which that is true."""
    return (
        job.key is None
        and job.overlap is Overlap.QUEUE
        and not (job.delay or job.priority or job.copy_of)
    )


def _tell_copy(tx: Tx, job: NewJob) -> None:
    """Write into the trail what a job is a copy of, unless that was done before."""
    told = sa.and_(job_events.c.token == job.token, job_events.c.event == "duplicate")
    if tx.execute(sa.select(job_events.c.id).where(told).limit(1)).first() is None:
        by, reason = job.submitted_by or "", f"copy of {job.copy_of}"
        record(tx, job.token, "duplicate", by, target=State.QUEUED, reason=reason)


def _store(
    tx: Tx, at_once: dict[int, list[dict[str, Any]]], ageing_step: float, tell: bool
) -> None:
    """Store rows that may begin now, by their priority: a statement for each."""
    for priority, rows in at_once.items():
        place = tx.micros(tx.now, _boost(priority, ageing_step))
        _insert(tx, rows, priority, tx.now, place, tell)
    at_once.clear()


def _insert(
    tx: Tx,
    rows: list[dict[str, Any]],
    priority: int,
    run_at: ColumnElement[datetime],
    place: ColumnElement[int],
    tell: bool,
) -> None:
    shared = {**_born(priority), "run_at": run_at, "rank": place, "queued_at": tx.now}
    news = (jobs.c.queue, jobs.c.rank) if tell else ()
    tx.dialect.insert_new_rows(tx.connection, jobs, rows, shared, news)


@lru_cache(maxsize=64)
def _born(priority: int) -> dict[str, ColumnElement[Any]]:
    """Return what all new jobs of a priority have; the same objects, as statements hold them."""
    value = {"state": State.QUEUED, "attempt": 0, "failures": 0, "losses": 0, "priority": priority}
    return {name: sa.literal(value[name], jobs.c[name].type) for name in value}


def _row(job: NewJob) -> dict[str, Any]:
    return {
        "token": job.token,
        "queue": job.queue,
        "tasks": ",".join(sorted(set(job.tasks))) if job.tasks else None,
        "task_key": None if job.tasks is None else task_key(job.tasks),
        "parameters": dict(job.parameters),
        "submitted_by": job.submitted_by,
        "action_id": job.action_id,
        "config_hash": job.config_hash,
        "changed_by": job.stored_by,
    }


def _token(tx: Tx, job: NewJob, room: "_Room") -> str | JobError:
    """Return the token that is answered for a job, its own if it is to be stored."""
    if (known := _known(tx, job)) is not None:
        return known
    token = standing(tx, job) or room.refuse(job) or job.token
    if job.key is not None and isinstance(token, str):
        return _named(tx, job, job.key, token)
    return token


class _Room:
    """How many more jobs each queue takes in this transaction."""

    def __init__(self, tx: Tx, most: Mapping[str, int]) -> None:
        self._tx = tx
        self._most = most
        self._left: dict[str, int] = {}

    def refuse(self, job: NewJob) -> QueueFull | None:
        """Count a job, or say that there is no room for it."""
        queue = job.queue
        if (most := self._most.get(queue)) is None:
            return None
        if queue not in self._left:
            waiting = sa.select(jobs.c.token).where(is_open(State.QUEUED), jobs.c.queue == queue)
            some = waiting.limit(most).subquery()
            there = self._tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
            self._left[queue] = most - there
        self._left[queue] -= 1
        return QueueFull(queue, most) if self._left[queue] < 0 else None


def _known(tx: Tx, job: NewJob) -> str | KeyReused | None:
    """Return what its key stands for, if it has one that was used before."""
    if job.key is None:
        return None
    columns = (idempotency_keys.c.token, idempotency_keys.c.digest)
    there = tx.execute(sa.select(*columns).where(idempotency_keys.c.key == job.key)).first()
    if there is None:
        return None
    token: str = there.token
    return token if there.digest == _digest(job) else KeyReused(job.key, token)


def _within(tx: Tx, queue: str, reused: KeyReused) -> KeyReused:
    """Return the error without its token if that is another queue's."""
    same = (jobs.c.token == reused.token, jobs.c.queue == queue)
    return KeyReused(reused.key, tx.execute(sa.select(jobs.c.token).where(*same)).scalar())


def _named(tx: Tx, job: NewJob, key: str, token: str) -> str | KeyReused:
    """Have the key stand for a token, unless somebody was faster; return what it stands for."""
    row = {"key": key, "token": token, "digest": _digest(job)}
    tx.execute(tx.dialect.insert_new(idempotency_keys).values(row))
    return _known(tx, job) or token


def _digest(job: NewJob) -> str:
    compared = job.parameters if job.compared is None else job.compared
    content = json.dumps([job.queue, compared], sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


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
    boost = _boost(priority, ageing_step)
    if delayed:
        boost = min(boost, 0)
    return tx.micros(run_at, boost)


def _boost(priority: int, ageing_step: float) -> int:
    return round(priority * ageing_step * 1_000_000)
