"""Events for handlers, written in the transaction of the move they tell of.

A caller who knows the configuration hands in an `Outbox`, which says who wants to hear of what.
Where nobody does, nothing is read and nothing is written.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import fence, reading
from connector.jobs.cutting import ASK, NOTE
from connector.jobs.job import Document, Job, Run
from connector.jobs.levels import Thresholds, noted
from connector.jobs.outbox_tables import outbox
from connector.jobs.snapshot import of_job
from connector.jobs.states import FINAL, State
from connector.jobs.token import new_token

P = ParamSpec("P")

MAX_PAYLOAD = 1 << 20
"""Characters of JSON in one event. Of a job whose result is longer the result is left out."""


class Event(StrEnum):
    """What can be told. Source: ACI programming guide, event handlers."""

    START = "OnStart"
    FINISH = "OnFinish"
    ERROR = "OnError"
    ERROR_REPORT = "OnErrorReport"
    QUEUE = "OnQueueEvent"


ENDS: Mapping[State, Event] = {
    State.FINISHED: Event.FINISH,
    State.FAILED: Event.ERROR,
    State.STOPPED: Event.ERROR,
    State.CANCELLED: Event.ERROR,
}
"""State reached to what is told: whoever waits for an end hears of each."""

_AT_END = (*set(ENDS.values()), Event.ERROR_REPORT)


@dataclass(frozen=True)
class Outbox:
    """Who wants to hear of what. `handlers`: queue and event to the name of a handler.

    `thresholds`: of the queues whose `OnQueueEvent` has one.
    """

    handlers: Mapping[tuple[str, Event], str] = field(default_factory=dict)
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)

    def claiming(
        self,
        tx: Tx,
        claim: Callable[Concatenate[Tx, str, P], Sequence[Run]],
        queue: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Sequence[Run]:
        """Claim jobs of a queue by `claim`, and tell that they start."""
        runs = claim(tx, queue, *args, **kwargs)
        if runs:
            self.tell(tx, queue, [run.token for run in runs], Event.START)
            self.level(tx, queue, falling=True)
        return runs

    def ending(self, tx: Tx, run: Run, write: Callable[[Tx], State]) -> State:
        """End a run by `write`, and tell of it if that is the end of the job.

        A repeat of what was written before tells nothing again. Raises what `write` raises, Locked.
        """
        if not any((run.queue, event) in self.handlers for event in _AT_END):
            return write(tx)
        fresh = fence.holds(tx, run.token, run.attempt, run.worker_id)
        state = write(tx)
        if fresh:
            self.ended(tx, run.queue, run.token, state)
        return state

    def ended(self, tx: Tx, queue: str, token: str, state: State) -> None:
        """Tell that a job has just reached this state, if it is final."""
        if state not in FINAL:
            return
        if state is State.FINISHED:
            self.tell(tx, queue, [token], Event.ERROR_REPORT, _has_errors)
        self.tell(tx, queue, [token], ENDS[state])

    def cancelled(self, tx: Tx, token: str) -> None:
        """Tell that a job that waited has just been cancelled."""
        if not self.handlers:
            return
        for job in reading.get(tx, [token]).values():
            self.ended(tx, job.queue, token, State.CANCELLED)
            self.level(tx, job.queue, falling=True)

    def level(self, tx: Tx, queue: str, *, falling: bool = False) -> None:
        """Tell how full a queue is, if that has changed.

        `falling`: nothing was added to it; that it has filled up is then not looked for.
        """
        if (thresholds := self.thresholds.get(queue)) is None:
            return
        for payload in noted(tx, queue, thresholds, falling):
            store(tx, self.handlers[queue, Event.QUEUE], queue, None, Event.QUEUE, payload)

    def tell(
        self,
        tx: Tx,
        queue: str,
        tokens: Collection[str],
        event: Event,
        about: Callable[[Job], bool] = lambda job: True,
    ) -> None:
        """Store an event for each job of the queue, as it is now, if it is to be told of."""
        if (handler := self.handlers.get((queue, event))) is None:
            return
        found = reading.get(tx, tokens)
        sent = reading.parameters(tx, tokens)
        for token in tokens:
            if token in found and about(found[token]):
                payload = _short(of_job(found[token]), sent[token].parameters)
                store(tx, handler, queue, token, event, payload)


NOBODY = Outbox()
"""Nobody wants to hear of anything."""


def store(
    tx: Tx, handler: str, queue: str, token: str | None, event: Event, payload: Document
) -> None:
    """Write one event."""
    tx.execute(
        sa.insert(outbox).values(
            event_id=new_token(),
            handler=handler,
            token=token,
            queue=queue,
            event=event,
            at=tx.now,
            payload=dict(payload),
            attempts=0,
            next_at=tx.now,
        )
    )


def _has_errors(job: Job) -> bool:
    """Say whether a finished job has met errors on its way, and gone on.

    ACI programming guide: `documentcount` with errors, or failed tasks.
    """
    result = job.result if isinstance(job.result, Mapping) else {}
    return bool(_failed(result.get("tasks"))) or _errors(result.get("documentcounts"))


def _failed(tasks: Any) -> Any:
    return tasks.get("failed") if isinstance(tasks, Mapping) else None


def _errors(counts: Any) -> bool:
    counted = counts.get("documentcount") if isinstance(counts, Mapping) else None
    each = counted if isinstance(counted, list) else [counted]
    return any(isinstance(c, Mapping) and str(c.get("@errors") or "0") != "0" for c in each)


def _short(job: dict[str, Any], parameters: Any) -> dict[str, Any]:
    payload = {"job": job, "parameters": parameters}
    if len(json.dumps(payload)) > MAX_PAYLOAD:
        told = f"left out: too long for an event; QueueInfo with QueueAction={ASK} answers it"
        job["result"], job["progress"] = {NOTE: {"@queueaction": ASK, "$": told}}, None
    if len(json.dumps(payload)) > MAX_PAYLOAD:
        payload["parameters"] = {}
    return payload
