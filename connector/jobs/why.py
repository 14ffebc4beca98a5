"""Why an action is where it is, and what changes that: the view job_status, asked for one."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.db.types import Identifier
from connector.jobs import fence
from connector.jobs.errors import NoSuchJob
from connector.jobs.states import State

# Not among the tables: a view is made by migrations alone, and nobody compares its columns.
_status = sa.Table(
    "job_status",
    sa.MetaData(),
    sa.Column("token", Identifier),
    *(sa.Column(name, sa.Text) for name in ("state", "cause", "explanation", "remedy")),
)

WAITS_ITS_TURN = frozenset({"behind others", "next"})
"""Causes that hold for a job that any worker could take."""


@dataclass(frozen=True, slots=True)
class Why:
    """What a job is doing or waits for: a sentence, and the command that changes it."""

    state: State
    cause: str
    explanation: str
    remedy: str


def why(tx: Tx, token: str) -> Why:
    """Return why a job is where it is. Raises NoSuchJob."""
    row = tx.execute(sa.select(_status).where(_status.c.token == token)).first()
    if row is None:
        raise NoSuchJob(token)
    if row.cause in WAITS_ITS_TURN and fence.locked(tx, [token]):
        # Not every engine can tell by whom.
        return Why(
            State.QUEUED,
            "row locked",
            "its row is locked by another session",
            "look for a session with a transaction that has been open for long, and end it",
        )
    return Why(State(row.state), row.cause, row.explanation, row.remedy)


def causes(tx: Tx, tokens: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return cause and remedy for several jobs, by token; who locks their rows is not looked at."""
    c = _status.c
    rows = tx.execute(sa.select(c.token, c.cause, c.remedy).where(c.token.in_(tokens)))
    return {row.token: (row.cause, row.remedy) for row in rows}
