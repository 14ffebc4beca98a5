"""What QueueInfo can do to actions: to one by Token, to all that a filter chooses, to the queue."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from connector.aci import filters, listing
from connector.aci.access import Access
from connector.aci.errors import missing
from connector.aci.parameters import Parameters
from connector.aci.status import brief
from connector.aci.tree import Tree
from connector.aci.values import required
from connector.actions.action import Action
from connector.jobs import bulk, operate, requests
from connector.jobs.job import Job
from connector.jobs.selection import Selection
from connector.jobs.states import Requested, State

PATIENCE = 5.0
"""Seconds after which a verb about many ends its answer; what it has done by then is done."""

SHOWN = 1_000
"""Actions that an answer about many names."""

BATCH = 100
"""Actions changed in one transaction."""

Change = Callable[..., State]
"""A verb of `jobs`: transaction, token, by."""


@dataclass(frozen=True)
class Verb:
    """One QueueAction that changes actions. `means`: which ones it concerns unless State says."""

    change: Change
    means: frozenset[State]


VERBS: Mapping[str, Verb] = {
    "Cancel": Verb(requests.cancel, frozenset({State.QUEUED, State.PAUSED})),
    "Stop": Verb(requests.stop, frozenset({State.RUNNING})),
    "Pause": Verb(requests.pause, frozenset({State.QUEUED, State.RUNNING})),
    "Resume": Verb(requests.resume, frozenset({State.PAUSED, State.RUNNING})),
    "Retry": Verb(requests.reopen, frozenset({State.FAILED, State.STOPPED, State.CANCELLED})),
    "ChangePriority": Verb(
        requests.reprioritise, frozenset({State.QUEUED, State.PAUSED, State.RUNNING})
    ),
}
"""QueueAction to what it does."""


class Verbs:
    """The verbs, as a client may use them. `actions`: the asynchronous ones by queue."""

    def __init__(self, access: Access, actions: Mapping[str, Action]) -> None:
        self._access = access
        self._actions = actions

    async def one(self, name: str, job: Job, given: Parameters, by: str) -> dict[str, Tree]:
        """Do it to one action. Raises AciError, JobError."""
        change = partial(self._bound(name, job.queue, given), token=job.token, by=by)
        return _told([(job.token, await self._access.change(change))])

    async def many(self, name: str, queue: str, given: Parameters, by: str) -> dict[str, Tree]:
        """Do it to all that are chosen, or to the queue. Raises AciError."""
        change = self._bound(name, queue, given)
        which = self._chosen(name, queue, given)
        if not filters.has_filter(given):
            match name:
                case "Stop":
                    stop = partial(requests.stop_all, queue=queue, by=by)
                    return _told([(t, State.RUNNING) for t in await self._access.change(stop)])
                case "Pause" | "Resume":
                    paused = name == "Pause"
                    verb = partial(operate.set_paused, queue=queue, paused=paused, by=by)
                    await self._access.change(verb)
                    told: dict[str, Tree] = {"queue": {"name": queue, "paused": paused}}
                    return {**told, **await self._each(change, which, by)}
        return await self._each(change, which, by)

    async def preview(
        self, name: str, queue: str, given: Parameters, job: Job | None
    ) -> dict[str, Tree]:
        """Say how many actions it would concern, and change nothing; `job`: the one that is named.

        Raises AciError.
        """
        self._bound(name, queue, given)
        if job is not None:
            return counted(int(self._concerns(name, job)))
        which = self._chosen(name, queue, given)
        if which.after is None:
            which = replace(which, sort="token")  # any order has as many
        end = time.monotonic() + PATIENCE
        matched, complete = 0, True
        async for tokens in listing.tokens(self._access, which):
            matched += len(tokens)
            if time.monotonic() > end:
                complete = False
                break
        return counted(matched, complete)

    def _chosen(self, name: str, queue: str, given: Parameters) -> filters.Wanted:
        """Return which actions are meant, where none is named."""
        if filters.has_filter(given):
            return filters.wanted(queue, given, VERBS[name].means)
        filters.check(queue, given)
        match name:
            case "Pause" if not self._actions[queue].pausable:
                return filters.Wanted(Selection(queue, frozenset()))
            case "Pause":
                return filters.Wanted(Selection(queue, frozenset({State.RUNNING})))
            case "Stop" | "Resume":
                return filters.Wanted(Selection(queue, VERBS[name].means))
        raise missing(
            "Token", "the token of an action, or choose several by State or another filter"
        )

    def _concerns(self, name: str, job: Job) -> bool:
        """Whether a verb would change an action as it is now."""
        waits, runs = job.state in (State.QUEUED, State.PAUSED), job.state is State.RUNNING
        match name:
            case "Stop":
                return waits or (runs and job.requested is not Requested.STOP)
            case "Pause":
                free = runs and job.requested is None and self._actions[job.queue].pausable
                return job.state is State.QUEUED or free
            case "Resume":
                return job.state is State.PAUSED or (runs and job.requested is Requested.PAUSE)
        return job.state in VERBS[name].means

    async def _each(self, change: Change, which: filters.Wanted, by: str) -> dict[str, Tree]:
        end = time.monotonic() + PATIENCE
        matched, complete = 0, True
        changed: list[tuple[str, State]] = []
        done = 0
        async for tokens in listing.tokens(self._access, which):
            for start in range(0, len(tokens), BATCH):
                batch = tokens[start : start + BATCH]
                verb = partial(bulk.each, change=change, tokens=batch, by=by)
                states: Sequence[tuple[str, State]] = await self._access.change(verb)
                matched += len(batch)
                done += len(states)
                changed += states[: SHOWN - len(changed)]
                if complete and time.monotonic() > end:
                    complete = False
                    break
            if not complete:
                break
        counts: dict[str, Tree] = {"matched": matched, "changed": done}
        return {**counts, "skipped": matched - done, "complete": complete, **_told(changed)}

    def _bound(self, name: str, queue: str, given: Parameters) -> Change:
        match name:
            case "Pause":
                return partial(VERBS[name].change, pausable=self._actions[queue].pausable)
            case "ChangePriority":
                text = required(given, "Priority", "a whole number; larger runs sooner")
                return partial(VERBS[name].change, priority=filters.whole(text, "Priority"))
            case "Cancel" | "Stop":
                return partial(VERBS[name].change, outbox=self._access.outbox)
        return VERBS[name].change


def counted(matched: int, complete: bool = True) -> dict[str, Tree]:
    """Return the answer to a preview."""
    return {"preview": True, "matched": matched, "complete": complete}


def _told(states: Sequence[tuple[str, State]]) -> dict[str, Tree]:
    return {"actions": {"action": [brief(token, state) for token, state in states]}}
