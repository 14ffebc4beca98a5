"""Jobs, queues and schedules put back from a backup, by the moves that the guard allows.

Every call may be repeated: what is there already is left alone, and what this restore has put there
is known by its own row in the trail.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from connector.db.copying import Row, insert, values
from connector.db.engine import Tx
from connector.jobs.operate import pause_all
from connector.jobs.results import TOGETHER
from connector.jobs.schedule_table import schedules
from connector.jobs.states import FINAL, Requested, State
from connector.jobs.tables import (
    idempotency_keys,
    job_events,
    job_progress,
    job_results,
    jobs,
    queues,
)

EVENT = "restore"


@dataclass(frozen=True, slots=True)
class Stored:
    """A job as it stands in a backup, with what belongs to it."""

    job: Row
    progress: Sequence[Row] = ()
    events: Sequence[Row] = ()
    keys: Sequence[Row] = ()
    results: Sequence[Row] = ()

    @property
    def token(self) -> str:
        """Its token."""
        return str(self.job["token"])


@dataclass(frozen=True, slots=True)
class Restore:
    """Who restores what. `once`: queues whose jobs that have not ended are cancelled, not run."""

    by: str
    source: str
    once: Collection[str] = ()

    @property
    def reason(self) -> str:
        """What the trail says."""
        return f"restored from a backup: {self.source}"


def prepare(tx: Tx, restore: Restore, saved: Iterable[Row], but: Collection[str]) -> list[str]:
    """Put back the queues that are not there, and pause all but those; return the paused ones."""
    for row in saved:
        told = {"paused": True, "changed_at": tx.now, "changed_by": restore.by}
        given = {**values(queues, row), **told, "reason": restore.reason}
        if row["queue"] not in but:
            tx.execute(tx.dialect.insert_new(queues).values(given))
    return pause_all(tx, restore.by, restore.reason, but)


def put_schedules(tx: Tx, restore: Restore, saved: Sequence[Row]) -> int:
    """Put back the schedules of tasks that have none; return how many this restore has put."""
    by = f"{restore.by} {EVENT}"
    rows = [{**values(schedules, row), "changed_by": by} for row in saved]
    insert(tx, schedules, rows, new=True)
    count = sa.select(sa.func.count()).select_from(schedules).where(schedules.c.changed_by == by)
    return int(tx.execute(count).scalar_one())


def put_jobs(tx: Tx, restore: Restore, saved: Sequence[Stored]) -> int:
    """Put back the jobs that are not there; return how many of them this restore has put.

    One that ran waits again, in a queue that is paused; it ends, or pauses, if that was asked of
    it. Raises ValueError for what is no row of a job, and the engine's error if it refuses one.
    """
    tokens = [each.token for each in saved]
    there = set(tx.execute(sa.select(jobs.c.token).where(jobs.c.token.in_(tokens))).scalars())
    absent = [each for each in saved if each.token not in there]
    mine = sa.select(sa.func.count(job_events.c.token.distinct())).where(
        job_events.c.token.in_(there),
        job_events.c.event == EVENT,
        job_events.c.actor == restore.by,
    )
    before = int(tx.execute(mine).scalar_one()) if there else 0
    if absent:
        _put(tx, restore, absent)
    return before + len(absent)


def _put(tx: Tx, restore: Restore, saved: Sequence[Stored]) -> None:
    rows = {each.token: values(jobs, each.job) for each in saved}
    targets = {token: _target(row, restore.once) for token, row in rows.items()}
    _pause(tx, restore, {row["queue"] for t, row in rows.items() if targets[t] not in FINAL})
    insert(tx, jobs, (_born(row, targets[token], restore) for token, row in rows.items()))
    _move(tx, restore, rows, targets)
    insert(tx, job_progress, (values(job_progress, r) for each in saved for r in each.progress))
    insert(tx, job_events, (_event(row) for each in saved for row in each.events))
    parts = (values(job_results, row) for each in saved for row in each.results)
    while some := list(islice(parts, TOGETHER)):
        insert(tx, job_results, some)
    keys = (values(idempotency_keys, row) for each in saved for row in each.keys)
    insert(tx, idempotency_keys, keys, new=True)
    _tell(tx, restore, rows, targets)


def _target(row: Mapping[str, Any], once: Collection[str]) -> State:
    """Return the state that a job of a backup gets."""
    state = State(row["state"])
    if state in FINAL:
        return state
    if state is State.RUNNING and row["requested"] == Requested.STOP:
        return State.STOPPED
    if row["queue"] in once:
        return State.CANCELLED
    asked = state is State.RUNNING and row["requested"] == Requested.PAUSE
    return State.PAUSED if asked else State.QUEUED if state is State.RUNNING else state


def _born(row: Mapping[str, Any], target: State, restore: Restore) -> dict[str, Any]:
    """Return the row as it begins: queued, which is how the guard wants it."""
    born = {**row, "state": State.QUEUED, "ended_at": None, "changed_by": f"{restore.by} {EVENT}"}
    if target not in FINAL:
        asked = ("requested", "requested_at", "requested_by", "requested_reason", "worker_id")
        born.update(dict.fromkeys(asked))
    return born


def _move(
    tx: Tx, restore: Restore, rows: Mapping[str, Mapping[str, Any]], targets: Mapping[str, State]
) -> None:
    """Take jobs from queued to where they belong. Nobody else sees them before the commit."""
    by = restore.by
    ran = [t for t, to in targets.items() if to in FINAL and to is not State.CANCELLED]
    if ran:
        moved = sa.update(jobs).where(jobs.c.token.in_(ran))
        tx.execute(moved.values(state=State.RUNNING, changed_by=f"{by} {EVENT} as running"))
    for target in sorted(set(targets.values()) - {State.QUEUED}):
        told = {"state": target, "changed_by": f"{by} {EVENT} as {target}"}
        moved = sa.update(jobs).where(jobs.c.token == sa.bindparam("which")).values(told)
        here = [t for t, to in targets.items() if to is target]
        ends = [{"which": t, "at": at} for t in here if (at := rows[t]["ended_at"]) is not None]
        if ends:
            tx.execute(moved.values(ended_at=sa.bindparam("at")), ends)
        if open_ones := [{"which": t} for t in here if rows[t]["ended_at"] is None]:
            tx.execute(moved.values(ended_at=tx.now) if target in FINAL else moved, open_ones)


def _tell(
    tx: Tx, restore: Restore, rows: Mapping[str, Mapping[str, Any]], targets: Mapping[str, State]
) -> None:
    """Write one row of the trail for each job."""
    told = [
        {"token": t, "source": row["state"], "target": targets[t], "attempt": row["attempt"]}
        for t, row in rows.items()
    ]
    same = {"at": tx.now, "event": EVENT, "actor": restore.by, "reason": restore.reason}
    each: dict[str, Any] = {name: sa.bindparam(name) for name in told[0]}
    tx.execute(sa.insert(job_events).values({**each, **same}), told)


def _event(row: Row) -> dict[str, Any]:
    """Return a row of the trail without its number, which this database gives."""
    return {k: v for k, v in values(job_events, row).items() if k != "id"}


def _pause(tx: Tx, restore: Restore, names: Collection[str]) -> None:
    """Have queues be there, paused if they were not."""
    told = {"changed_at": tx.now, "changed_by": restore.by, "reason": restore.reason}
    for name in sorted(names):
        tx.execute(tx.dialect.insert_new(queues).values(queue=name, paused=True, **told))
