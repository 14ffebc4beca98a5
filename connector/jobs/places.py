"""The order of claims: by rank and token, and where in it a job may be due."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Terms
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs

AHEAD = 50
"""Jobs ranked behind now that are looked at for due ones: those of low priority."""

FAR_AHEAD = 5000
"""As many now and then: behind many that are delayed, one that is due is found in the end."""

Place = tuple[int, str]
"""Rank and token: a place in the order of claims."""

NOW: Place = (0, "")
"""Where to begin to look behind now."""


def is_due(terms: Terms) -> ColumnElement[bool]:
    """Return the condition that a job's time has come.

    One that was never delayed is due whatever the clock says: it may have been set back since.
    """
    return sa.or_(jobs.c.run_at <= terms.now, jobs.c.run_at <= jobs.c.queued_at)


def behind_now(
    terms: Terms, queue: ColumnElement[str] | str, start: Place = NOW, most: int = AHEAD
) -> sa.Select[tuple[int, str, datetime, datetime]]:
    """Return the first jobs ranked behind now, and from `start` on: due ones may be among them."""
    rank, token = start
    place = [jobs.c.rank > terms.micros(terms.now)]
    if start is not NOW:
        place += [jobs.c.rank >= rank, sa.or_(jobs.c.rank > rank, jobs.c.token >= token)]
    return (
        sa.select(jobs.c.rank, jobs.c.token, jobs.c.run_at, jobs.c.queued_at)
        .where(is_open(State.QUEUED), jobs.c.queue == queue, *place)
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(most)
    )
