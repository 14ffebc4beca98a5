"""Results that are too large for the rows of their jobs: stored, read and removed by parts.

They are written in the transaction that ends a run, behind its fence, and never changed. They go
with the job, and by a trigger when it is to run again; so `attempt` tells whose they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.copying import Row
from connector.db.engine import Tx
from connector.jobs.job import Document
from connector.jobs.states import State
from connector.jobs.tables import job_results, jobs

TOGETHER = 4
"""Parts written or read by one statement."""

REMOVED = 256
"""Parts that one transaction removes with their jobs, unless one job has more."""

_OF = job_results.c


@dataclass(frozen=True, slots=True)
class First:
    """A job and the beginning of what it returned. `head`: part 0, or None if `result` is all."""

    token: str
    queue: str
    state: State
    attempt: int
    result: Document | None = field(repr=False)
    head: str | None = field(repr=False)


def store(tx: Tx, token: str, parts: Iterable[str]) -> None:
    """Store the parts of a result in their order, in place of any that are there.

    For the holder of the job's fence, in the transaction that ends its run.
    """
    tx.execute(sa.delete(job_results).where(_OF.token == token))
    numbered = enumerate(parts)
    names: dict[str, sa.BindParameter[object]] = {c.name: sa.bindparam(c.name) for c in _OF}
    while some := list(islice(numbered, TOGETHER)):
        rows = [{"token": token, "number": number, "content": part} for number, part in some]
        tx.execute(sa.insert(job_results).values(names), rows)


def first(tx: Tx, token: str) -> First | None:
    """Return a job and the beginning of its result, of one moment; None if it is not there."""
    head = sa.and_(_OF.token == jobs.c.token, _OF.number == 0)
    row = tx.execute(
        sa.select(
            *(jobs.c.token, jobs.c.queue, jobs.c.state, jobs.c.attempt, jobs.c.result),
            _OF.content.label("head"),
        )
        .select_from(jobs.outerjoin(job_results, head))
        .where(jobs.c.token == token)
    ).first()
    if row is None:
        return None
    return First(row.token, row.queue, State(row.state), row.attempt, row.result, row.head)


def some(tx: Tx, token: str, attempt: int, number: int, limit: int = TOGETHER) -> list[str]:
    """Return parts from `number` on; none any more if the job has begun to run again."""
    rows = tx.execute(
        sa.select(_OF.content)
        .select_from(job_results.join(jobs))
        .where(_OF.token == token, _OF.number.between(number, number + limit - 1))
        .where(jobs.c.attempt == attempt, jobs.c.ended_at.isnot(None))
        .order_by(_OF.number)
    )
    return list(rows.scalars())


def few(tx: Tx, tokens: Sequence[str]) -> Sequence[str]:
    """Return so many of these jobs, at least one, as a transaction may remove with their parts."""
    counted = (
        sa.select(_OF.token, sa.func.count().label("parts"))
        .where(_OF.token.in_(tokens))
        .group_by(_OF.token)
    )
    parts = {row.token: row.parts for row in tx.execute(counted)} if tokens else {}
    left = REMOVED
    for number, token in enumerate(tokens):
        left -= parts.get(token, 0)
        if left < 0:
            return tokens[: max(1, number)]
    return tokens


def every(tx: Tx) -> Iterator[Row]:
    """Yield all parts there are, by job and number, a few at a time."""
    after: ColumnElement[bool] = sa.true()
    while True:
        select = sa.select(job_results).where(after).order_by(_OF.token, _OF.number)
        found = tx.execute(select.limit(TOGETHER)).all()
        yield from (dict(row._mapping) for row in found)
        if len(found) < TOGETHER:
            return
        token, number = found[-1].token, found[-1].number
        # With the first term in front, so that every engine begins at its place in the key.
        after = sa.and_(_OF.token >= token, sa.or_(_OF.token > token, _OF.number > number))
