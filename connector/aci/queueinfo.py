"""QueueInfo: status of actions, and the verbs of clients. The answers are as `status` says."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial

from connector.aci.access import Access, Listing
from connector.aci.errors import AciError, Code, invalid
from connector.aci.parameters import Parameters
from connector.aci.reply import Reply
from connector.aci.status import WORDS, brief, element
from connector.aci.values import choice, required, token
from connector.jobs import requests
from connector.jobs.errors import JobError, NoSuchJob, WrongState
from connector.jobs.job import Job
from connector.jobs.states import State
from connector.jobs.why import why

NAME = "QueueInfo"

LARGE = 200
"""Actions from which a listing is put together off the event loop."""


class QueueInfo:
    """The action QueueInfo. `queues`: the names of the queues there are."""

    def __init__(self, access: Access, queues: Collection[str]) -> None:
        self._access = access
        self._queues = queues
        self._verbs: dict[str, Callable[[str, Parameters, str], Awaitable[Reply]]] = {
            "GetStatus": self._get_status,
            "Cancel": self._cancel,
            "Stop": self._stop,
            "Why": self._why,
        }

    async def answer(self, parameters: Parameters, client: str) -> Reply:
        """Answer one QueueInfo. `client`: the address it came from. Raises AciError."""
        actions = "one of " + ", ".join(self._verbs)
        verb = choice(required(parameters, "QueueAction", actions), "QueueAction", self._verbs)
        named = required(parameters, "QueueName", "the name of a queue")
        queue = next((q for q in self._queues if q.casefold() == named.strip().casefold()), None)
        if queue is None:
            there = ", ".join(self._queues)
            raise AciError(
                Code.QUEUE_UNKNOWN,
                f"QueueName: there is no queue {named[:60]!r}; there is {there}.",
                "QueueName",
            )
        try:
            return await self._verbs[verb](queue, parameters, client)
        except JobError as error:
            raise _said(error) from error

    async def _get_status(self, queue: str, parameters: Parameters, client: str) -> Reply:
        if parameters.get("Token"):
            jobs = [await self._job(queue, parameters)]
        else:
            jobs = await self._access.listing(Listing(queue, _most(parameters)))
        if len(jobs) > LARGE:
            return await asyncio.to_thread(_shown, jobs)
        return _shown(jobs)

    async def _cancel(self, queue: str, parameters: Parameters, client: str) -> Reply:
        required(parameters, "Token", "the token of a waiting action")
        job = await self._job(queue, parameters)
        state = await self._access.change(
            partial(requests.cancel, token=job.token, by=f"http {client}")
        )
        return _changed([(job.token, state)])

    async def _stop(self, queue: str, parameters: Parameters, client: str) -> Reply:
        by = f"http {client}"
        if not parameters.get("Token"):
            tokens = await self._access.change(partial(requests.stop_all, queue=queue, by=by))
            return _changed([(stopping, State.RUNNING) for stopping in tokens])
        job = await self._job(queue, parameters)
        state = await self._access.change(partial(requests.stop, token=job.token, by=by))
        return _changed([(job.token, state)])

    async def _why(self, queue: str, parameters: Parameters, client: str) -> Reply:
        required(parameters, "Token", "the token of an action")
        job = await self._job(queue, parameters)
        found = await self._access.change(partial(why, token=job.token))
        told = {"explanation": found.explanation, "remedy": found.remedy}
        return Reply(NAME, {"actions": {"action": [{**brief(job.token, found.state), **told}]}})

    async def _job(self, queue: str, parameters: Parameters) -> Job:
        """Return the action that Token names, if it is of this queue."""
        wanted = str(token(parameters["Token"]))
        job = await self._access.job(wanted)
        if job is None or job.queue != queue:
            raise _unknown(wanted, queue)
        return job


def _shown(jobs: list[Job]) -> Reply:
    now = datetime.now().astimezone()
    return Reply(NAME, {"actions": {"action": [element(job, now) for job in jobs]}})


def _most(parameters: Parameters) -> int | None:
    text = parameters.get("MaxResults")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid("MaxResults", text, "a whole number, such as 100")
    return int(text)


def _changed(states: list[tuple[str, State]]) -> Reply:
    return Reply(NAME, {"actions": {"action": [brief(token, state) for token, state in states]}})


def _said(error: JobError) -> AciError:
    match error:
        case NoSuchJob(token=token):
            return _unknown(token, "this queue")
        case WrongState(verb=verb, token=token, state=state):
            hint = "; use QueueAction=Stop to end it" if state is State.RUNNING else ""
            return AciError(
                Code.STATE,
                f"Token {token} cannot be {_PARTICIPLE[verb]}: its action is {WORDS[state]}{hint}.",
                "Token",
            )
    return AciError(Code.STATE, str(error))


_PARTICIPLE = {"cancel": "cancelled", "stop": "stopped"}


def _unknown(token: str, queue: str) -> AciError:
    return AciError(
        Code.TOKEN_UNKNOWN,
        f"Token: {queue} has no action {token}; it was never stored, or removed after its time.",
        "Token",
    )
