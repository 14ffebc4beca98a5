"""What QueueInfo can do to actions: to one by Token, to all that a filter chooses, to the queue."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from connector.aci import filters, listing
from connector.aci.access import Access
from connector.aci.errors import missing
from connector.aci.parameters import Parameters
from connector.aci.status import brief
from connector.aci.tree import Tree
from connector.aci.values import boolean, required
from connector.actions.action import Action
from connector.jobs import bulk, operate, requests
from connector.jobs.selection import Selection
from connector.jobs.states import State

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

    async def one(self, name: str, token: str, given: Parameters, by: str) -> dict[str, Tree]:
        """Do it to one action. Raises AciError, JobError."""
        change = partial(self._bound(name, given), token=token, by=by)
        return _told([(token, await self._access.change(change))])

    async def many(self, name: str, queue: str, given: Parameters, by: str) -> dict[str, Tree]:
        """Do it to all that are chosen, or with Preview say how many these are; or to the queue.

        Raises AciError.
        """
        change = self._bound(name, given)
        if not filters.has_filter(given):
            match name:
                case "Stop":
                    stop = partial(requests.stop_all, queue=queue, by=by)
                    return _told([(t, State.RUNNING) for t in await self._access.change(stop)])
                case "Pause" | "Resume":
                    return await self._queue(name, queue, by)
            raise missing(
                "Token", "the token of an action, or choose several by State or another filter"
            )
        which = filters.wanted(queue, given, VERBS[name].means)
        if boolean(given.get("Preview") or "false", "Preview"):
            return await self._count(which)
        return await self._each(change, which, by)

    async def _queue(self, name: str, queue: str, by: str) -> dict[str, Tree]:
        """Pause or resume a queue, and what runs of it or has been paused."""
        paused = name == "Pause"
        await self._access.change(partial(operate.set_paused, queue=queue, paused=paused, by=by))
        told: dict[str, Tree] = {"queue": {"name": queue, "paused": paused}}
        if paused and not self._actions[queue].pausable:
            return {**told, "actions": {"action": []}}
        states = frozenset({State.RUNNING}) if paused else VERBS[name].means
        which = filters.Wanted(Selection(queue, states))
        return {**told, **await self._each(VERBS[name].change, which, by)}

    async def _count(self, which: filters.Wanted) -> dict[str, Tree]:
        end = time.monotonic() + PATIENCE
        matched, complete = 0, True
        async for tokens in listing.tokens(self._access, which.selection, which.most):
            matched += len(tokens)
            if time.monotonic() > end:
                complete = False
                break
        return {"preview": True, "matched": matched, "complete": complete}

    async def _each(self, change: Change, which: filters.Wanted, by: str) -> dict[str, Tree]:
        end = time.monotonic() + PATIENCE
        matched, complete = 0, True
        changed: list[tuple[str, State]] = []
        done = 0
        async for tokens in listing.tokens(self._access, which.selection, which.most):
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

    def _bound(self, name: str, given: Parameters) -> Change:
        match name:
            case "ChangePriority":
                text = required(given, "Priority", "a whole number; larger runs sooner")
                return partial(VERBS[name].change, priority=filters.whole(text, "Priority"))
            case "Cancel" | "Stop":
                return partial(VERBS[name].change, outbox=self._access.outbox)
        return VERBS[name].change


def _told(states: Sequence[tuple[str, State]]) -> dict[str, Tree]:
    return {"actions": {"action": [brief(token, state) for token, state in states]}}
