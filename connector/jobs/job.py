"""Jobs as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from connector.jobs.states import FINAL, Requested, State

Document = Mapping[str, Any]
"""JSON object: text keys, JSON values."""


class Overlap(StrEnum):
    """What becomes of a new job that works on a task for which there is an open one."""

    QUEUE = "queue"
    """It waits its turn."""
    JOIN = "join"
    """It is not stored: the one that is there stands for it."""
    REFUSE = "refuse"
    """It is not stored."""


class NewJob(NamedTuple):
    """An action as it is handed in. `token` is made by the caller before the row is stored.

    A tuple, as very many are made: a frozen dataclass takes four times as long.
    """

    token: str
    queue: str
    parameters: Document
    tasks: tuple[str, ...] | None = None
    """What it works on alone; None for an action that works on no tasks."""
    priority: int = 0
    delay: float = 0.0
    """Seconds to wait before it may be claimed."""
    submitted_by: str | None = None
    action_id: str | None = None
    config_hash: str | None = None
    key: str | None = None
    """What the client calls its request: sent again with the same key it is stored once."""
    compared: Document | None = None
    """What the request is then compared by; None: its parameters, none of which is encrypted."""
    overlap: Overlap = Overlap.QUEUE
    stored_by: str = "http submit"
    """Who stores it, by which verb."""
    copy_of: str | None = None
    """The token of the job that `submitted_by` has copied; told in the trail."""

    def __repr__(self) -> str:
        """Leave out what clients sent."""
        return f"NewJob(token={self.token!r}, queue={self.queue!r})"


class Run(NamedTuple):
    """One attempt at a job, held by one worker: what is needed to run it and to write about it.

    A tuple, as very many are made: a frozen dataclass takes four times as long.
    """

    token: str
    attempt: int
    worker_id: str
    queue: str
    parameters: Document
    failures: int = 0
    tasks: tuple[str, ...] = ()
    checkpoint: Document | None = None
    rank: int = 0
    """Its place in the order of claims when it was claimed."""

    def __repr__(self) -> str:
        """Leave out what clients sent and actions saved."""
        return f"Run(token={self.token!r}, attempt={self.attempt}, queue={self.queue!r})"

    @property
    def fence(self) -> tuple[str, int]:
        """Token and attempt: what a worker holds, or holds no longer."""
        return self.token, self.attempt


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the database. Times are aware and in UTC."""

    token: str
    queue: str
    state: State
    priority: int
    attempt: int
    failures: int
    losses: int
    queued_at: datetime
    run_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    requested: Requested | None
    requested_by: str | None
    requested_reason: str | None
    changed_by: str | None
    """Who changed it last, and by what."""
    result: Document | None = field(repr=False)
    error: str | None = field(repr=False)
    progress: Document | None = field(repr=False)

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL
