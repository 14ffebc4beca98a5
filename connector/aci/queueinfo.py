"""QueueInfo: what there is of a queue, and the verbs of clients. The answers are as `status` says.

Source: QueueInfo in the vendor's connector, Content and Media Server references.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from connector.aci import filters, listing
from connector.aci.access import Access
from connector.aci.duplicating import Overlaps, always_queue, duplicate
from connector.aci.errors import AciError, Code, invalid, unknown_token
from connector.aci.parameters import Parameters
from connector.aci.progress import progress_of
from connector.aci.reply import Reply
from connector.aci.results import results_of
from connector.aci.status import WORDS, brief, element
from connector.aci.told import told
from connector.aci.tree import Tree
from connector.aci.values import choice, required, token
from connector.aci.verbs import VERBS, Verbs, counted
from connector.aci.waiting import Waiting
from connector.actions.action import Action
from connector.actions.sealing import masked
from connector.db.engine import Tx
from connector.jobs import reading, results
from connector.jobs.errors import JobError
from connector.jobs.job import Job
from connector.jobs.states import FINAL, OPEN, State
from connector.jobs.why import why

NAME = "QueueInfo"

LARGE = 50
"""Actions from which a page is put together off the event loop."""

Answer = Callable[[str, Parameters, str], Awaitable[Reply]]
Shown = Callable[[Job], Tree]


class QueueInfo:
    """The action QueueInfo. `actions`: the asynchronous ones, each of which has a queue.

    `waiting`: those who wait for a change.
    `classic`: whether a queue shows what was cancelled or stopped as failed.
    `overlaps`: what becomes of a copy whose task has an action.
    """

    def __init__(
        self,
        access: Access,
        actions: Mapping[str, Action],
        waiting: Waiting,
        classic: Callable[[str], bool] = lambda queue: False,
        overlaps: Overlaps = always_queue,
    ) -> None:
        self._access = access
        self._classic = classic
        self._overlaps = overlaps
        self._queues = list(actions)
        self._verbs = Verbs(access, actions)
        self._waiting = waiting
        self._answers: dict[str, Answer] = {
            "GetStatus": self._get_status,
            "GetResults": self._get_results,
            "QueueStatus": self._queue_status,
            "Progress": self._progress,
            "GetActionParameters": self._get_parameters,
            "Duplicate": self._duplicate,
            "Why": self._why,
            **{name: partial(self._change, name) for name in VERBS},
        }

        self._verbs_told = "one of " + ", ".join(self._answers)

    async def answer(self, parameters: Parameters, client: str) -> Reply:
        """Answer one QueueInfo. `client`: the address it came from. Raises AciError."""
        verb = required(parameters, "QueueAction", self._verbs_told)
        verb = choice(verb, "QueueAction", self._answers)
        named = required(parameters, "QueueName", "the name of a queue")
        queue = queue_named(named, self._queues, "QueueName")
        if "Token" in parameters:
            # Who wanted to name one action must not get all.
            required(parameters, "Token", "the token of an action, or leave Token out")
            filters.check(queue, parameters)
        try:
            return await self._answers[verb](queue, parameters, client)
        except JobError as error:
            raise told(error) from error

    async def _get_status(self, queue: str, parameters: Parameters, client: str) -> Reply:
        classic = self._classic(queue)
        shown = _shown_now(classic)
        if "Token" in parameters:
            until = time.monotonic() + self._access.patience
            job = await self._job(queue, parameters)
            if seconds := self._wait(parameters):
                seconds = min(seconds, until - time.monotonic())
                await self._waiting.change(job.token, job.state, seconds)
                job, shown = await self._job(queue, parameters, until), _shown_now(classic)
            return _listed([shown(job)])
        return await _streamed(self._pages(queue, parameters), shown)

    async def _get_results(self, queue: str, parameters: Parameters, client: str) -> Reply:
        required(parameters, "Token", "the token of an action that has ended")
        wanted = token(parameters["Token"])
        found = await self._access.look(partial(results.first, token=wanted))
        if found is None or found.queue != queue:
            raise unknown_token(wanted, queue)
        if found.state not in FINAL:
            raise AciError(
                Code.STATE,
                f"Token {wanted} has no results yet: its action is {WORDS[found.state]}.",
                "Token",
            )
        return await results_of(self._access, NAME, found)

    async def _queue_status(self, queue: str, parameters: Parameters, client: str) -> Reply:
        counts = await self._access.look(partial(reading.counts, queue=queue))
        data: dict[str, Tree] = {
            "paused": counts.paused,
            "pending": counts.states[State.QUEUED],
            "running": counts.states[State.RUNNING],
            "completed": counts.completed,
            "paused_actions": counts.states[State.PAUSED],
        }
        return Reply(NAME, {"queue": {"name": queue, **data}})

    async def _progress(self, queue: str, parameters: Parameters, client: str) -> Reply:
        now = datetime.now().astimezone()
        shown = partial(progress_of, now=now)
        if "Token" in parameters:
            return Reply(NAME, {"action": shown(await self._job(queue, parameters))})
        running = frozenset({State.RUNNING})
        return await _streamed(self._pages(queue, parameters, running), shown)

    async def _get_parameters(self, queue: str, parameters: Parameters, client: str) -> Reply:
        if "Token" in parameters:
            tokens = [(await self._job(queue, parameters)).token]
            return _listed(await self._access.look(partial(_parameters, tokens=tokens)))
        chosen = filters.wanted(queue, parameters, OPEN)
        return await _streamed_rows(self._pages_of_parameters(chosen))

    async def _duplicate(self, queue: str, parameters: Parameters, client: str) -> Reply:
        required(parameters, "Token", "the token of the action to copy")
        job = await self._job(queue, parameters)
        if filters.previewed(parameters):
            return Reply(NAME, counted(1))
        stored = duplicate(self._access, self._overlaps, job, parameters, client)
        return Reply(NAME, await stored)

    async def _why(self, queue: str, parameters: Parameters, client: str) -> Reply:
        required(parameters, "Token", "the token of an action")
        job = await self._job(queue, parameters)
        found = await self._access.change(partial(why, token=job.token))
        told = {"explanation": found.explanation, "remedy": found.remedy}
        return _listed([{**brief(job.token, found.state), **told}])

    async def _change(self, name: str, queue: str, parameters: Parameters, client: str) -> Reply:
        by = f"http {client}"
        job = await self._job(queue, parameters) if "Token" in parameters else None
        if filters.previewed(parameters):
            return Reply(NAME, await self._verbs.preview(name, queue, parameters, job))
        if job is not None:
            return Reply(NAME, await self._verbs.one(name, job, parameters, by))
        return Reply(NAME, await self._verbs.many(name, queue, parameters, by))

    async def _job(self, queue: str, parameters: Parameters, until: float | None = None) -> Job:
        """Return the action that Token names, if it is of this queue."""
        wanted = token(parameters["Token"])
        job = await self._access.job(wanted, until)
        if job is None or job.queue != queue:
            raise unknown_token(wanted, queue)
        return job

    def _wait(self, parameters: Parameters) -> float:
        """Return for how many seconds the client wants to wait."""
        text = parameters.get("Wait")
        if not text:
            return 0.0
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text.strip(), re.ASCII):
            raise invalid("Wait", text, "seconds, such as 8")
        return float(text)

    def _pages(
        self, queue: str, parameters: Parameters, states: frozenset[State] = frozenset(State)
    ) -> AsyncIterator[Sequence[Job]]:
        return listing.pages(self._access, filters.wanted(queue, parameters, states))

    async def _pages_of_parameters(self, chosen: filters.Wanted) -> AsyncIterator[Sequence[Tree]]:
        yield []
        async for tokens in listing.tokens(self._access, chosen):
            yield await self._access.look(partial(_parameters, tokens=tokens))


async def _streamed(pages: AsyncIterator[Sequence[Job]], shown: Shown) -> Reply:
    async def elements() -> AsyncIterator[Sequence[Tree]]:
        async for page in pages:
            if len(page) > LARGE:
                yield await asyncio.to_thread(_all, page, shown)
            else:
                yield _all(page, shown)

    return await _streamed_rows(elements())


async def _streamed_rows(pages: AsyncIterator[Sequence[Tree]]) -> Reply:
    """Return a reply that is whole if it has one page, and else is read while it is sent.

    What goes wrong with the first two pages is an error of it.
    """
    first = await anext(pages)
    second = await anext(pages, None)
    if second is None:
        return _listed(first)

    async def chained() -> AsyncIterator[Sequence[Tree]]:
        yield first
        yield second
        async for page in pages:
            yield page

    return Reply(NAME, {}, pages=chained())


def _shown_now(classic: bool) -> Shown:
    return partial(element, now=datetime.now().astimezone(), classic=classic)


def _all(jobs: Sequence[Job], shown: Shown) -> list[Tree]:
    return [shown(job) for job in jobs]


def _listed(elements: Sequence[Tree]) -> Reply:
    return Reply(NAME, {"actions": {"action": list(elements)}})


def _parameters(tx: Tx, tokens: Sequence[str]) -> list[Tree]:
    """Return the parameters of actions, in the order of the tokens, as they were understood."""
    found = reading.parameters(tx, tokens)
    return [
        {
            **brief(token, found[token].state),
            "parameter": [{"@name": n, "$": v} for n, v in _given(found[token]).items()],
        }
        for token in tokens
        if token in found
    ]


def _given(row: Any) -> dict[str, Any]:
    action_id = {} if row.action_id is None else {"ActionID": row.action_id}
    return {**masked(row.parameters), **action_id}


def queue_named(named: str, queues: Collection[str], parameter: str) -> str:
    """Return the queue that a client names, in any case. Raises AciError."""
    if named in queues:
        return named
    for queue in queues:
        if queue.casefold() == named.strip().casefold():
            return queue
    there = ", ".join(queues)
    told = f"{parameter}: there is no queue {named[:60]!r}; there is {there}."
    raise AciError(Code.QUEUE_UNKNOWN, told, parameter)
