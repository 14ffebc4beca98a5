"""`Sync=true`: an asynchronous action that is answered with its results, if it ends soon enough.

It is stored and run as any other. Whatever becomes of the waiting, the action goes on, and every
answer but that of a refused request tells its token.
Source: `Sync` in the vendor's connector reference, `Synchronous` in that of Media Server.
"""

import time

from connector.aci.access import Access
from connector.aci.errors import AciError, Code
from connector.aci.parameters import Parameters
from connector.aci.reply import Reply
from connector.aci.status import WORDS, results
from connector.aci.values import boolean
from connector.aci.waiting import Waiting
from connector.jobs.job import Job
from connector.jobs.states import State

NAMES = ("Sync", "Synchronous")


def wanted(parameters: Parameters) -> bool:
    """Say whether the client wants to wait for the results. Raises AciError."""
    # Both are looked at, so that what is none of them is told in any case.
    return any([boolean(text, name) for name in NAMES if (text := parameters.get(name))])


class Synchronous:
    """Answers with what came of an action."""

    def __init__(self, access: Access, waiting: Waiting) -> None:
        self._access = access
        self._waiting = waiting

    async def reply(self, action: str, token: str, until: float) -> Reply:
        """Return the results of an action that ends well before `until`, a monotonic time.

        Raises AciError, which carries the token, if it ends otherwise or later.
        """
        try:
            job = await self._ended(token, until)
        except AciError as error:
            said = f"The action was stored, but cannot be asked for now: {error.description}"
            raise AciError(Code.UNFINISHED, f"{said} {_ask(token)}", token=token) from error
        if job is None or not job.final:
            told = "The action has not ended in the time that an answer may take, and goes on."
            raise AciError(Code.UNFINISHED, f"{told} {_ask(token)}", token=token)
        if job.state is not State.FINISHED:
            why = job.error or f"The action was {WORDS[job.state].lower()}."
            raise AciError(Code.ACTION_FAILED, why, token=token)
        return Reply(action, {**results(job), "token": token})

    async def _ended(self, token: str, until: float) -> Job | None:
        await self._waiting.end(token, max(0.0, until - time.monotonic()))
        return await self._access.job(token, until)


def _ask(token: str) -> str:
    return f"Ask for {token} with QueueInfo."
