"""What a run writes about its task: checkpoint, counts and items, in one transaction a step."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from connector.actions.action import Context
from connector.actions.fetch.checkpoint import Checkpoint, Place
from connector.actions.fetch.counts import Counts
from connector.config import TaskSettings
from connector.datastore import content, holding
from connector.datastore.content import Item, WalkedRoom
from connector.datastore.holding import Held, Holder
from connector.db.engine import Database, Tx
from connector.jobs import fence
from connector.jobs.errors import LeaseLost


@dataclass(slots=True)
class Step:
    """What one page changes of what was delivered."""

    new: list[Item] = field(default_factory=list)
    changed: list[Item] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Journal:
    """One run's hold on one task, and how far it is.

    Takes hold when made. Raises LeaseLost if the job is no longer this attempt's; every later
    write raises HolderLost if another run has taken hold of the task.
    """

    def __init__(self, database: Database, context: Context, task: TaskSettings) -> None:
        self._database = database
        self._holder = Holder(task.name, context.token, context.attempt)
        held, self.checkpoint = database.run(_hold, self._holder, context.worker_id, task)
        self.token = context.token
        self.task = task.name
        self.complete = held.complete
        self.counts = Counts.stored(held.counts)
        self.overtaken = held.checkpoint is None and not held.complete and context.attempt > 1
        """Whether another run has walked the task between two attempts of this one."""

    def rooms(self) -> dict[str, WalkedRoom]:
        """Return the rooms walked before, by id."""
        return self._database.read(content.rooms, self.task)

    def known(self, place: Place, lower: str) -> dict[str, Item]:
        """Return what was delivered of a room from `lower` up to where the walk is."""
        return self._database.read(content.items, self.task, place.room_id, lower, place.upper)

    def page_done(self, place: Place, page: int, counts: Counts, step: Step) -> None:
        """Store a page, the walk being at `place` after it."""
        self._store(
            Checkpoint(self.checkpoint.sweep_from, page, place, self.checkpoint.failed_rooms),
            counts,
            step,
            None,
        )

    def room_done(self, room: WalkedRoom, page: int, counts: Counts, step: Step) -> None:
        """Store the last page of a room."""
        self._store(
            Checkpoint(self.checkpoint.sweep_from, page, None, self.checkpoint.failed_rooms),
            counts,
            step,
            room,
        )

    def room_failed(self, room_id: str, problem: str) -> None:
        """Store that this run gives a room up: counted as an error, and left for the next run."""
        counts = replace(self.counts)
        counts.error(problem)
        failed = (*self.checkpoint.failed_rooms, room_id)
        self._store(replace(self.checkpoint, place=None, failed_rooms=failed), counts, Step(), None)

    def go_on_after(self, page: int) -> None:
        """Store that pages up to this one were delivered, which must not be taken back."""
        self._store(replace(self.checkpoint, page=page), self.counts, Step(), None)

    def begin_again(self) -> None:
        """Store that the room under way is walked from its top."""
        self._store(replace(self.checkpoint, place=None), self.counts, Step(), None)

    def task_done(self) -> None:
        """Store that the whole task was walked."""
        self._database.run(holding.record, self._holder, None, self.counts.dump())
        self.complete = True

    def away(self) -> float:
        """Store that Webex is out of reach; return for how many seconds it has been, at least."""
        now = self._database.read(_now)
        since = self.checkpoint.away_since or now.isoformat()
        self._store(replace(self.checkpoint, away_since=since), self.counts, Step(), None)
        return max(0.0, (now - datetime.fromisoformat(since)).total_seconds())

    def _store(
        self, checkpoint: Checkpoint, counts: Counts, step: Step, room: WalkedRoom | None
    ) -> None:
        self._database.run(_store, self._holder, checkpoint, counts, step, room)
        self.checkpoint, self.counts = checkpoint, counts


def _hold(tx: Tx, holder: Holder, worker_id: str, task: TaskSettings) -> tuple[Held, Checkpoint]:
    if not fence.holds(tx, holder.token, holder.attempt, worker_id):
        raise LeaseLost(holder.token, holder.attempt)
    held = holding.hold(tx, holder)
    if held.checkpoint is not None:
        return held, Checkpoint.stored(held.checkpoint)
    begin = Checkpoint(_sweep_from(held.now, task.sweep_days))
    if not held.complete:
        # From now on the row is this run's, so that its next attempt knows what it may take back.
        holding.record(tx, holder, begin.dump(), {})
    return held, begin


def _store(
    tx: Tx,
    holder: Holder,
    checkpoint: Checkpoint,
    counts: Counts,
    step: Step,
    room: WalkedRoom | None,
) -> None:
    holding.record(tx, holder, checkpoint.dump(), counts.dump())
    content.put(tx, holder.task, step.new, step.changed)
    content.remove(tx, holder.task, step.removed)
    if room is not None:
        content.walked(tx, holder.task, room)


def _now(tx: Tx) -> datetime:
    now: datetime = tx.execute(sa.select(tx.now)).scalar_one()
    return now


def _sweep_from(now: datetime, days: int) -> str | None:
    if not days:
        return None
    begin = max(now.astimezone(UTC), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days))
    return (begin - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
