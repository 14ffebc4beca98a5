"""The trail: what happened to jobs off the ordinary path."""

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs.states import State
from connector.jobs.tables import job_events


def record(
    tx: Tx,
    token: str,
    event: str,
    actor: str,
    *,
    source: State | None = None,
    target: State | None = None,
    attempt: int | None = None,
    reason: str | None = None,
) -> None:
    """Write one row of the trail. `event` is a verb, "stop requested" or "fenced"."""
    tx.execute(
        sa.insert(job_events).values(
            token=token,
            at=tx.now,
            event=event,
            source=source,
            target=target,
            attempt=attempt,
            actor=actor,
            reason=reason,
        )
    )
