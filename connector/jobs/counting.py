"""Moving the tallies of tally.py on: bounded steps, and nothing missed or counted twice.

Nothing may come in unseen behind the marker. So a moment that lies a little back is announced
first: from then on triggers note whatever is stored or ends with a token or a time before it
(`stored_late`, `ended_late`). What was written before the announcement is waited for until it is
committed or taken back, however long that takes: PostgreSQL tells whose transactions they are; in
MariaDB a look at what is not committed yet must find the same; SQLite has one writer at a time.
Only then all up to that moment are counted. No clock needs to be right for that.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Database, Tx
from connector.db.errors import Locked
from connector.jobs.tables import ended_counts, jobs
from connector.jobs.tally import ENDED, STORED, TALLIES, Tally
from connector.jobs.token import first_at

STEP = 20_000
"""Jobs counted in one transaction, about."""

PREPARED = "-1/"
"""How PostgreSQL's names of prepared transactions begin, which had another name before."""


@dataclass(frozen=True, slots=True)
class _Announced:
    moment: datetime
    writing: frozenset[str]
    """Who had written to jobs by then, and may still take it back."""

    def limit(self, tally: Tally) -> Any:
        return first_at(self.moment) if tally is STORED else self.moment


@dataclass(frozen=True, slots=True)
class _Span:
    """What one step counts: from behind `marker` to `until`. `seen`: how many, by queue."""

    marker: Any
    until: Any
    full: bool
    seen: dict[str, int]
    late: frozenset[str]
    """Queues with jobs that came late."""


class Counting:
    """Counts for one worker; any number of them do no harm to each other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._announced: _Announced | None = None

    @property
    def under_way(self) -> bool:
        """Whether there was something to count that is not counted to its end."""
        return self._announced is not None

    def step(self) -> bool:
        """Do a step of counting; return whether the next is due at once, not after a while.

        Somebody who holds a lock is not waited for. Raises Unavailable.
        """
        try:
            return self._step()
        except Locked:
            return False

    def _step(self) -> bool:
        announced = self._announced
        if announced is None:
            self._announced = self._database.run(self._announce)
            return self._announced is not None
        if announced.writing and not self._database.read(self._is_settled, announced):
            return False
        left = [self._advance(tally, announced.limit(tally)) for tally in TALLIES]
        if not any(left):
            self._announced = None
        return any(left)

    def _is_settled(self, tx: Tx, announced: _Announced) -> bool:
        now = tx.dialect.writing(tx.connection, self._database.schema)
        return not any(each in announced.writing or each.startswith(PREPARED) for each in now)

    def _announce(self, tx: Tx) -> _Announced | None:
        """Announce a moment, if there is anything to count before it."""
        micros = tx.execute(sa.select(tx.micros(tx.after(-tx.dialect.lag_seconds)))).scalar_one()
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=micros // 1000)
        announced = _Announced(moment, frozenset())
        if not any(_any(tx, tally, announced.limit(tally)) for tally in TALLIES):
            return None
        schema = self._database.schema
        tx.dialect.announce(tx.connection, schema, moment)
        return _Announced(moment, tx.dialect.writing(tx.connection, schema))

    def _advance(self, tally: Tally, limit: Any) -> bool:
        with self._database.uncommitted() as tx:
            span = _span(tx, tally, limit)
        return span is not None and self._database.run(_add, tally, span)


def _any(tx: Tx, tally: Tally, limit: Any) -> bool:
    late = sa.select(tally.late_key).where(tally.late_key < limit).limit(1)
    return (
        _first(tx, tally, tally.there(tx), limit) is not None
        or tx.execute(late).first() is not None
    )


def _span(tx: Tx, tally: Tally, limit: Any) -> _Span | None:
    marker = tally.there(tx)
    full = _first(tx, tally, marker, limit, STEP)
    until = _last(tx, tally, marker, limit) if full is None else full
    until = marker if until is None else until
    late = sa.select(tally.late.c.queue).where(tally.late_key <= until).distinct()
    names = frozenset(tx.execute(late).scalars())
    if until == marker and not names:
        return None
    return _Span(marker, until, full is not None, _counted(tx, tally, marker, until), names)


def _add(tx: Tx, tally: Tally, span: _Span) -> bool:
    """Add a span to the tally; return whether more is left to be counted."""
    names = span.seen.keys() | span.late
    _hold(tx, names)
    if tally.there(tx) != span.marker:
        return True  # somebody was faster
    found = _counted(tx, tally, span.marker, span.until)
    if tx.dialect.dirty_level is not None and found != span.seen:
        return False  # somebody has not committed yet
    late = _take_late(tx, tally, span.until, names)
    counts = tally.counts
    tx.execute(sa.update(counts).values(upto=span.until))
    for queue, number in sorted((Counter(found) + Counter(late)).items()):
        here = sa.update(counts).where(counts.c.queue == queue)
        tx.execute(here.values(jobs=counts.c.jobs + number))
    return span.full or sum(late.values()) >= STEP


def _hold(tx: Tx, names: Collection[str]) -> None:
    """Have these queues be there, and keep whoever counts or takes out off until the commit.

    Rows of ended_counts are the lock for both tallies.
    """
    for tally in TALLIES:
        known = set(tx.execute(sa.select(tally.counts.c.queue)).scalars())
        for queue in sorted(set(names) - known):
            new = {"queue": queue, "jobs": 0, "upto": tally.there(tx)}
            tx.execute(tx.dialect.insert_new(tally.counts).values(new))
        if tally is ENDED:
            rows = sa.select(ended_counts.c.queue).order_by(ended_counts.c.queue)
            tx.execute(rows.with_for_update())


def _take_late(tx: Tx, tally: Tally, until: Any, names: Collection[str]) -> dict[str, int]:
    """Strike some off the list of those that came late; return how many, by queue."""
    c = tally.late.c
    some = sa.select(c.token, c.queue).where(tally.late_key <= until, c.queue.in_(names))
    rows = tx.execute(some.order_by(c.token).limit(STEP)).all()
    if rows:
        tx.execute(sa.delete(tally.late).where(c.token.in_([row.token for row in rows])))
    return Counter(row.queue for row in rows)


def _first(tx: Tx, tally: Tally, marker: Any, limit: Any, offset: int = 0) -> Any:
    """Return the first place behind the marker, or one that lies `offset` further; None if none."""
    each = [
        _places(tally, part, marker, limit).order_by(tally.key).offset(offset).limit(1)
        for part in tally.parts
    ]
    return min(_told(tx, each), default=None)


def _last(tx: Tx, tally: Tally, marker: Any, limit: Any) -> Any:
    each = [
        _places(tally, part, marker, limit).order_by(tally.key.desc()).limit(1)
        for part in tally.parts
    ]
    return max(_told(tx, each), default=None)


def _places(
    tally: Tally, part: ColumnElement[bool], marker: Any, limit: Any
) -> sa.Select[tuple[Any]]:
    return sa.select(tally.key).where(part, tally.key > marker, tally.key < limit)


def _told(tx: Tx, each: list[sa.Select[tuple[Any]]]) -> list[Any]:
    parts = [sa.select(*select.subquery().c) for select in each]
    return list(tx.execute(sa.union_all(*parts)).scalars())


def _counted(tx: Tx, tally: Tally, marker: Any, until: Any) -> dict[str, int]:
    """Count the jobs behind the marker by queue, but for those that came late."""
    noted = sa.exists().where(tally.late.c.token == jobs.c.token)
    each = [
        sa.select(jobs.c.queue, sa.func.count().label("jobs"))
        .where(part, tally.key > marker, tally.key <= until, ~noted)
        .group_by(jobs.c.queue)
        for part in tally.parts
    ]
    found: Counter[str] = Counter()
    for row in tx.execute(sa.union_all(*each)):
        found[row.queue] += row.jobs
    return dict(found)
