"""A client of server-sent events."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2

from tests.aci.serving import Face

Event = tuple[str, dict[str, Any]]


class Listening:
    """An open stream. `lines`: all that came, one by one."""

    def __init__(self, reply: httpx2.Response) -> None:
        self.reply = reply
        self.lines = reply.iter_lines()

    def next(self) -> Event:
        """Return the next event, waiting for it."""
        name = ""
        for line in self.lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        raise EOFError("the stream has ended")

    def until(self, test: Callable[[Event], bool]) -> Event:
        """Return the first event that passes a test."""
        while not test(event := self.next()):
            pass
        return event

    def of(self, token: str, status: str) -> dict[str, Any]:
        """Return the event that tells that an action has this status."""
        return self.until(lambda e: (e[1].get("token"), e[1].get("status")) == (token, status))[1]


@contextlib.contextmanager
def listening(
    face: Face, target: str, headers: Mapping[str, str] | None = None
) -> Iterator[Listening]:
    with face.client.stream("GET", target, headers=headers) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Listening(reply)
