"""The client: one method for each thing that can be done with an action."""

import ssl
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping

from connector.aci.errors import Code
from connector.client.errors import (
    BadReply,
    ClientError,
    NotFinished,
    Refused,
    TimeIsUp,
    Unanswered,
)
from connector.client.exchange import Exchange, sendable
from connector.client.pace import Pace
from connector.client.status import Status, status_of

TIMEOUT = 10.0
"""Seconds for an answer; the server answers everything within 8."""

PATIENCE = 60.0
"""Seconds for which a wait goes on asking a server that does not answer, as one that restarts."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds between the tries of a submit; each pause is twice the last."""


class Client:
    """A server's ACI port.

    `url`: such as http://127.0.0.1:7023/. `timeout`: seconds for each answer. `api_key`: sent as
    `Authorization: Bearer`. `tls`: certificates to trust and to show, for https; by default those
    that the machine trusts. Every method raises ClientError; a url, key or token that cannot be
    used is a ValueError. Queues are named like their actions, in any case. Threads may share a
    client.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        api_key: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._exchange = Exchange(url, timeout, api_key, tls)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._exchange.close()

    def ask(
        self, action: str, parameters: Mapping[str, str] | None = None, *, key: str | None = None
    ) -> ET.Element:
        """Send any action, such as GetVersion, and return the element `responsedata`.

        `key`: as for `submit`; without one, none is sent.
        """
        if key is None:
            return self._exchange.send(action, parameters or {})
        headers = {"Idempotency-Key": sendable(key, "an idempotency key")}
        try:
            return self._exchange.send(action, parameters or {}, headers=headers)
        except (Unanswered, Refused) as error:
            if isinstance(error, Refused) and error.code != Code.IN_DOUBT.word:
                raise
            doubt = Unanswered(f"{error}; send it again with the key {key}", key)
            doubt.code, doubt.number = error.code, error.number
            raise doubt from error

    def submit(
        self,
        action: str,
        parameters: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
        tries: int = 1,
    ) -> str:
        """Have the server store an asynchronous action, and return its token.

        `key`: a name of your own for this one action, printable ASCII; one is made if you give
        none. It is sent as `Idempotency-Key`: a server that knows this header stores one action,
        however often it is submitted with the same key. So after Unanswered, whose `key` is this
        one, submit again with it; or have it done, up to `tries` times in all, with growing pauses
        after Unanswered and what is retryable. Raises BadReply if the action gives no token.
        """
        used = uuid.uuid4().hex if key is None else key
        pause, doubt = FIRST_PAUSE, None
        for left in reversed(range(max(1, tries))):
            try:
                token = self.ask(action, parameters, key=used).findtext("token")
                break
            except ClientError as error:
                if isinstance(error, Unanswered):
                    doubt = error
                elif not error.retryable:
                    raise
                if not left:
                    # An earlier try may have been stored, whatever became of the last.
                    raise (doubt or error) from error.__cause__
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        if not token:
            raise BadReply(f"{action} gave no token, so it is no asynchronous action", 200)
        return token

    def status(self, queue: str, token: str, *, wait: int = 0) -> Status:
        """Return how an action is doing.

        `wait`: seconds the server may wait for a change of state before it answers, if it can.
        """
        asked = {**_one(token), **({"Wait": str(wait)} if wait > 0 else {})}
        found = self._queue_info("GetStatus", queue, asked, longer=wait).find("actions/action")
        if found is None:
            raise BadReply(f"{self._exchange.url} told nothing of {token}", 200)
        return status_of(found)

    def listing(self, queue: str, most: int | None = None) -> list[Status]:
        """Return the actions of a queue, the newest first, all or at most so many."""
        asked = {} if most is None else {"MaxResults": str(most)}
        found = self._queue_info("GetStatus", queue, asked)
        return [status_of(action) for action in found.iterfind("actions/action")]

    def wait(
        self,
        queue: str,
        token: str,
        *,
        timeout: float | None = None,
        progress: Callable[[Status], object] | None = None,
        patience: float = PATIENCE,
    ) -> Status:
        """Wait until an action has ended, well or not, and return its last status.

        `timeout`: seconds until TimeIsUp is raised, None for ever; an answer under way is awaited.
        `progress` is called with each status that was seen, the last one too. A server that does
        not answer, or says that it cannot now, is asked again for `patience` seconds before its
        error is raised.
        """
        pace = Pace(shown=progress is not None)
        begun = heard = time.monotonic()
        seen: Status | None = None
        left = timeout
        while True:
            asked, last = time.monotonic(), seen
            try:
                seen = self.status(queue, token, wait=pace.server_waits(left) if last else 0)
                heard = time.monotonic()
            except ClientError as error:
                if not error.retryable or time.monotonic() - heard >= patience:
                    raise
            else:
                if progress is not None:
                    progress(seen)
                if seen.ended:
                    return seen
            now = time.monotonic()
            left = None if timeout is None else begun + timeout - now
            if left is not None and left <= 0:
                raise TimeIsUp(f"{token} has not ended within {timeout:g} s; it goes on", seen)
            changed = last is None or seen is None or seen.word != last.word
            rest = pace.rest(now - asked, changed)
            time.sleep(rest if left is None else min(rest, left))

    def results(self, queue: str, token: str) -> tuple[ET.Element, ...]:
        """Return all elements that a finished action left. Raises NotFinished if it has none.

        Of a large result a status has the beginning alone (`Status.cut`); this has all of it, which
        may be some 100 MB.
        """
        seen = self.status(queue, token)
        if not seen.finished:
            why = f": {seen.error}" if seen.error else ""
            raise NotFinished(f"{token} is {seen.word}{why}", seen)
        if not seen.cut:
            return seen.results
        return tuple(self._queue_info("GetResults", queue, _one(token)))

    def cancel(self, queue: str, token: str) -> str:
        """Take a waiting action out of its queue: it never starts. Return its new status word."""
        return self._change("Cancel", queue, token)

    def stop(self, queue: str, token: str) -> str:
        """End an action at any point. Return its status word: a running one ends soon after."""
        return self._change("Stop", queue, token)

    def pause(self, queue: str, token: str) -> str:
        """Have an action wait until it is resumed. Return its status word."""
        return self._change("Pause", queue, token)

    def resume(self, queue: str, token: str) -> str:
        """Have a paused action go on from its checkpoint. Return its status word."""
        return self._change("Resume", queue, token)

    def retry(self, queue: str, token: str) -> str:
        """Have a failed, stopped or cancelled action run again. Return its status word."""
        return self._change("Retry", queue, token)

    def _change(self, verb: str, queue: str, token: str) -> str:
        changed = self._queue_info(verb, queue, _one(token))
        return changed.findtext("actions/action/status", "")

    def _queue_info(
        self, verb: str, queue: str, parameters: Mapping[str, str], longer: float = 0.0
    ) -> ET.Element:
        asked = {"QueueAction": verb, "QueueName": queue, **parameters}
        try:
            return self._exchange.send("QueueInfo", asked, longer=longer)
        except Unanswered as error:
            raise Unanswered(str(error), retryable=verb.startswith("Get")) from error


def _one(token: str) -> dict[str, str]:
    """Return the parameter that names one action. Without it a verb means all of the queue."""
    if not token.strip():
        raise ValueError("a token is wanted, not an empty text")
    return {"Token": token}
