"""What a stream of events says of a queue or an action: made once for all who listen.

A client that has heard the version before gets what has changed; one that comes, or was too slow
for that, gets all. Nothing is kept for anybody.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from connector.aci.access import Access
from connector.aci.status import words_of
from connector.aci.tree import Tree
from connector.jobs import watching
from connector.jobs.states import OPEN, State
from connector.jobs.watching import Line, View

LISTED = 100
"""Actions of a queue that are told one by one; the others are counted."""

Classic = Callable[[str], bool]
"""Whether a queue shows what was cancelled or stopped as failed."""


@dataclass(frozen=True)
class Version:
    """How something stood at one moment. `change`: what to tell somebody who has `number` - 1."""

    number: int
    whole: bytes
    change: bytes

    def after(self, number: int) -> bytes:
        """Return what to tell somebody who has heard that version last; 0: none."""
        return self.change if number == self.number - 1 and number else self.whole


class QueueFeeds:
    """Versions of queues."""

    def __init__(self, access: Access, classic: Classic) -> None:
        self._access = access
        self._classic = classic
        self._newest: dict[str, tuple[View, Version]] = {}

    async def ask(self, queues: Sequence[str]) -> Mapping[str, Version]:
        """Return the newest version of each queue. Raises AciError."""
        before = {queue: self._newest.get(queue) for queue in queues}
        known = {queue: list(told[0].lines) if told else [] for queue, told in before.items()}
        views = await self._access.look(partial(watching.views, known=known, limit=LISTED))
        self._newest = {queue: self._next(queue, before[queue], views[queue]) for queue in queues}
        return {queue: version for queue, (_, version) in self._newest.items()}

    def _next(
        self, queue: str, before: tuple[View, Version] | None, view: View
    ) -> tuple[View, Version]:
        shown = Shown(queue, view, words_of(self._classic(queue)))
        if before is None:
            return view, Version(1, shown.whole(), b"")
        seen, version = before
        if (seen.counts, seen.lines) == (view.counts, view.lines):
            return before
        return view, Version(version.number + 1, shown.whole(), shown.since(seen))


class Shown:
    """The events about one view of a queue. `words`: how the states are called."""

    def __init__(self, queue: str, view: View, words: Mapping[State, str]) -> None:
        self._queue = queue
        self._view = view
        self._words = words

    def whole(self) -> bytes:
        """The event that replaces all that a client knew."""
        actions: list[Tree] = [_told(line, self._words) for line in self._view.lines.values()]
        return _event("snapshot", {**self._counts(self._view), "actions": actions})

    def since(self, seen: View) -> bytes:
        """Return the events about what is another than it was."""
        view = self._view
        out = []
        for token, line in view.lines.items():
            if seen.lines.get(token) != line:
                out.append(_event("action", {**_told(line, self._words), "listed": True}))
        for token, line in seen.lines.items():
            if token not in view.lines:
                now = view.left.get(token)
                told = _told(now, self._words) if now else {"token": line.token, "status": None}
                out.append(_event("action", {**told, "listed": False}))
        if (counts := self._counts(view)) != self._counts(seen):
            out.append(_event("queue", counts))
        return b"".join(out)

    def _counts(self, view: View) -> dict[str, Tree]:
        states = view.counts.states
        counts: dict[str, Tree] = {
            self._words[state]: states.get(state, 0) for state in State if state in OPEN
        }
        return {
            "queue": self._queue,
            "paused": view.counts.paused,
            "counts": {**counts, "completed": view.counts.completed},
            "more": max(0, sum(states.values()) - len(view.lines)),
        }


class ActionFeeds:
    """Versions of single actions."""

    def __init__(self, access: Access, classic: Classic) -> None:
        self._access = access
        self._classic = classic
        self._newest: dict[str, tuple[Line, Version]] = {}

    async def ask(self, tokens: Sequence[str]) -> Mapping[str, Version]:
        """Return the newest version of each action that is there. Raises AciError."""
        lines = await self._access.read(partial(watching.lines, tokens=list(tokens)))
        self._newest = {token: self._next(line) for token, line in lines.items()}
        return {token: version for token, (_, version) in self._newest.items()}

    def _next(self, line: Line) -> tuple[Line, Version]:
        before = self._newest.get(line.token)
        if before is not None and before[0] == line:
            return before
        told = _event("action", _told(line, words_of(self._classic(line.queue))))
        return line, Version(before[1].number + 1 if before else 1, told, told)


def _told(line: Line, words: Mapping[State, str]) -> dict[str, Tree]:
    told: dict[str, Tree] = {"token": line.token, "status": words[line.state]}
    if line.state is State.RUNNING and line.progress:
        told["progress"] = dict(line.progress)
    return told


def _event(name: str, data: Mapping[str, Tree]) -> bytes:
    # One line of ASCII: nothing in it can end the event.
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
