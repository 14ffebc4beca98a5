"""How long actions that have ended stay answerable: after that they go, with all about them."""

from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector import log
from connector.db.engine import Database, Tx
from connector.jobs import deliveries, results
from connector.jobs.states import State
from connector.jobs.tables import idempotency_keys, jobs

_log = log.logger(__name__)

ALONE = 50
"""Jobs removed one by one where one of a batch makes trouble."""

BATCH = 500
"""Jobs removed in one transaction: short enough to be in nobody's way."""

ROUNDS = 8
"""Transactions that one batch takes at most, where large results let none remove all of it."""

Keep = Mapping[State, float | None]
"""Days for which jobs that ended in a state are kept; None: for ever."""


def prune(database: Database, keep: Keep, moved: Callable[[], None] = lambda: None) -> int:
    """Remove one batch of each state's jobs whose time is over; return how many were removed.

    `moved` is called between transactions.

    Jobs that somebody has locked are passed over, and one that the database refuses to remove
    keeps no other. Call again while there is a full batch. Raises Unavailable.
    """
    removed = 0
    for state, days in keep.items():
        if days is not None:
            moved()
            removed += _batch(database, state, days, moved)
    return removed


def prune_events(database: Database, days: float | None, handlers: Collection[str]) -> int:
    """Remove one batch of events that were delivered or given up so many days ago; None: none.

    Events of a day for none of these `handlers` are given up: their section is gone.
    Returns how many were removed. Raises Unavailable.
    """
    why = "no handler of this name is configured"
    if lost := database.run(deliveries.expire_others, handlers, why, 86400.0):
        _log.error("events given up: no handler of their name is configured", events=lost)
    return 0 if days is None else database.run(deliveries.prune, days, BATCH)


def _batch(database: Database, state: State, days: float, moved: Callable[[], None]) -> int:
    removed = 0
    try:
        for _ in range(ROUNDS):
            gone, all_gone = database.run(_remove, state, days)
            removed += gone
            if all_gone:
                return removed
            moved()
        return removed
    except DBAPIError as error:
        _log.warning("removal of ended actions refused", state=state.value, error=_why(error))
    # One of them makes trouble: alone it is passed over.
    passed_over: list[str] = []
    for _ in range(ALONE):
        moved()
        tokens = database.read(_over, state, days, passed_over, 1)
        if not tokens:
            break
        try:
            removed += len(database.run(_delete, tokens))
        except DBAPIError as error:
            passed_over += tokens
            _log.warning("removal of an action refused", token=tokens[0], error=_why(error))
    return removed


def _remove(tx: Tx, state: State, days: float) -> tuple[int, bool]:
    """Remove some; return how many, and whether those are all of a batch."""
    tokens = _over(tx, state, days, (), BATCH)
    some = results.few(tx, tokens)
    return len(_delete(tx, some)), len(some) == len(tokens)


def _over(tx: Tx, state: State, days: float, without: Sequence[str], limit: int) -> Sequence[str]:
    """Return tokens of jobs that ended so long ago, the oldest first, and lock them."""
    select = (
        sa.select(jobs.c.token)
        .where(jobs.c.state == state, jobs.c.ended_at < tx.after(-days * 86400.0))
        .order_by(jobs.c.ended_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if without:
        select = select.where(jobs.c.token.notin_(without))
    return tx.execute(select).scalars().all()


def _delete(tx: Tx, tokens: Sequence[str]) -> Sequence[str]:
    if tokens:
        # Again the state: between two transactions an operator may have reopened one.
        ended = jobs.c.ended_at.isnot(None)
        tx.execute(sa.delete(idempotency_keys).where(idempotency_keys.c.token.in_(tokens)))
        tx.execute(sa.delete(jobs).where(jobs.c.token.in_(tokens), ended))
    return tokens


def _why(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]  # what follows may quote the row
