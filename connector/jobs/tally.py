"""How many jobs of each queue wait, run, are paused and have ended.

Exact, and as quick with ten million of them as with ten, as nearly all are counted beforehand:

- `stored_counts` holds how many jobs are stored with a token up to one that was made a little ago,
  `ended_counts` how many of them ended up to a moment that lies a little back. Only what comes
  after is counted when somebody asks. Workers move both on: counting.py.
- What comes in behind them (a token of a host whose clock is slow, a restore, an end that is told
  late) is noted by triggers in `stored_late` and `ended_late`, and counted from there. What is
  removed or begins again is taken out by triggers. All that holds for changes by hand too.
- What runs and what is paused is counted one by one, by the index of open jobs. What is stored and
  has not ended, does not run and is not paused, waits.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.states import FINAL, State
from connector.jobs.tables import (
    RUNNING_BY,
    ended_counts,
    ended_late,
    is_open,
    jobs,
    stored_counts,
    stored_late,
)
from connector.jobs.token import first_at


@dataclass(frozen=True, slots=True)
class Tally:
    """One of the two: its tables, and where in which order of jobs it has come to."""

    name: str
    counts: sa.Table
    late: sa.Table
    key: sa.Column[Any]
    """What of a job says its place in the order."""
    beginning: Any
    """A place before all jobs."""
    parts: tuple[ColumnElement[bool], ...]
    """The jobs that it counts, in parts that an index holds in order."""

    @property
    def marker(self) -> sa.ScalarSelect[Any]:
        """The place up to which all are counted; the same in each row, if there is one."""
        upto = self.counts.c.upto
        return sa.select(upto).order_by(upto.desc()).limit(1).scalar_subquery()

    @property
    def late_key(self) -> sa.Column[Any]:
        """The place of a job that came late."""
        return self.late.c[self.key.name]

    def there(self, tx: Tx) -> Any:
        """Return the marker, or the beginning."""
        found = tx.execute(sa.select(self.marker)).scalar_one()
        return self.beginning if found is None else found


def _final(state: State) -> ColumnElement[bool]:
    return jobs.c.state == sa.literal_column(f"'{state}'")


STORED = Tally(
    "stored",
    stored_counts,
    stored_late,
    jobs.c.token,
    first_at(datetime.fromtimestamp(0, UTC)),
    (sa.true(),),
)
ENDED = Tally(
    "ended",
    ended_counts,
    ended_late,
    jobs.c.ended_at,
    datetime.fromtimestamp(0, UTC),
    tuple(_final(state) for state in sorted(FINAL)),
)
TALLIES = (STORED, ENDED)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The jobs of one queue: `open` ones by state, and how many have ended."""

    open: dict[State, int]
    ended: int


_COUNTED = (State.RUNNING, State.PAUSED)
"""Open states whose jobs are counted one by one: few run, and few are paused one by one."""

_MOVED = "moved"


def numbers(tx: Tx, queue: str | None = None) -> dict[str, Numbers]:
    """Count the jobs of each queue, or of one; queues without jobs may be left out."""
    since = {tally.name: tally.there(tx) for tally in TALLIES}
    while True:
        found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        # In one statement, so that all are of the same moment.
        for row in tx.execute(sa.union_all(*_parts(since, queue))):
            found[row.queue][row.part] += row.jobs
        moved = found.pop("", {})
        if not any(moved.values()):
            return {name: _numbers(parts) for name, parts in found.items()}
        # A worker has moved a tally on since it was looked at; so it is asked once more.
        since = {tally.name: tally.there(tx) for tally in TALLIES}


def _numbers(parts: dict[str, int]) -> Numbers:
    counted = {state: parts[state] for state in _COUNTED}
    waiting = parts[STORED.name] - parts[ENDED.name] - sum(counted.values())
    # Below none only if somebody switched the triggers off: see docs/dba.md.
    return Numbers({State.QUEUED: max(0, waiting), **counted}, parts[ENDED.name])


def _parts(since: dict[str, Any], queue: str | None) -> list[sa.Select[Any]]:
    """Return the parts of which the numbers are made: rows with `queue`, `part`, `jobs`."""
    found = []
    for tally in TALLIES:
        marker = since[tally.name]
        found.append(_moved(tally, marker))
        c = tally.counts.c
        found.append(_of(c.queue, tally.name, c.jobs, queue))
        found += [
            _count(jobs.c.queue, tally.name, queue).where(part, tally.key > marker)
            for part in tally.parts
        ]
        late = _count(tally.late.c.queue, tally.name, queue)
        found.append(late.where(tally.late_key <= marker))
    for state in _COUNTED:
        each = _count(jobs.c.queue, state, queue).where(is_open(state))
        found.append(each.with_hint(jobs, RUNNING_BY, "mariadb"))
    return found


def _moved(tally: Tally, marker: Any) -> sa.Select[Any]:
    """Ask whether a tally has moved on meanwhile, or was deleted by hand."""
    upto = tally.counts.c.upto
    elsewhere: ColumnElement[bool] = sa.exists().where(upto > marker)
    if marker != tally.beginning:
        elsewhere = sa.or_(elsewhere, ~sa.exists().where(upto == marker))
    number = sa.case((elsewhere, 1), else_=0).label("jobs")
    return sa.select(_word("").label("queue"), _word(_MOVED).label("part"), number)


def _count(column: sa.Column[str], part: str, queue: str | None) -> sa.Select[Any]:
    return _of(column, part, sa.func.count(), queue).group_by(column)


def _of(
    column: sa.Column[str], part: str, number: ColumnElement[int], queue: str | None
) -> sa.Select[Any]:
    columns: list[ColumnElement[Any]] = [column.label("queue"), _word(part).label("part")]
    select = sa.select(*columns, number.label("jobs"))
    return select if queue is None else select.where(column == queue)


def _word(text: str) -> ColumnElement[str]:
    return sa.literal_column(f"'{text}'", sa.Text())
