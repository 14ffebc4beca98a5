"""GetResults: all that an action returned, read part by part while it is sent.

Between two parts no transaction is open, and no more than a few are in memory, whatever the action
returned and however slowly a client reads.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial

from connector.aci.access import Access
from connector.aci.errors import AciError, Code
from connector.aci.formats import Format
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.jobs import results
from connector.jobs.parts import Head, Run
from connector.jobs.results import First


async def results_of(access: Access, name: str, found: First) -> Reply:
    """Return the reply, of the action `name`, with what the job found returned. Raises AciError."""
    if found.head is None:
        whole = found.result or {}
        return Reply(name, {element: whole[element] for element in sorted(whole)})
    source = Source(access, found.token, found.attempt)
    head = Head.read(found.head)
    text = "".join([piece async for piece in source.parts(1, head.pieces)])
    tree: dict[str, Tree] = await asyncio.to_thread(json.loads, text)
    return Reply(name, {}, body=Body(Reply(name, tree), head, source).sent)


class Source:
    """The parts of what one attempt at an action returned."""

    def __init__(self, access: Access, token: str, attempt: int) -> None:
        self._access = access
        self._token = token
        self._attempt = attempt

    async def parts(self, first: int, count: int) -> AsyncIterator[str]:
        """Return so many parts from one on. Raises AciError, also when they have been removed."""
        number, end = first, first + count
        while number < end:
            read = partial(
                results.some,
                token=self._token,
                attempt=self._attempt,
                number=number,
                limit=min(results.TOGETHER, end - number),
            )
            found = await self._access.look(read)
            if not found:
                raise AciError(
                    Code.STATE,
                    f"Token {self._token}: what its action returned is not there any more; it was "
                    "removed after its time, or runs again.",
                    "Token",
                )
            for part in found:
                yield part
            number += len(found)


class Body:
    """An answer whose long lists are read while it is sent. `tree`: it, with a hole for each."""

    def __init__(self, tree: Reply, head: Head, source: Source) -> None:
        self._tree = tree
        self._head = head
        self._source = source

    async def sent(self, shown: Format) -> AsyncIterator[bytes]:
        """Return the answer in a format, in pieces. Raises AciError."""
        pattern = shown.place.replace(b"TEXT", self._head.hole.encode() + rb"(?P<run>[0-9a-f]{4})")
        body = await asyncio.to_thread(shown.render, self._tree)
        at = 0
        for found in re.finditer(pattern, body):
            yield body[at : found.start()]
            at = found.end()
            run = self._head.runs[int(found["run"], 16)]
            lead = found.groupdict().get("lead", b"").decode()
            async for members in self._members(run, shown, lead):
                yield members
        yield body[at:]

    async def _members(self, run: Run, shown: Format, lead: str) -> AsyncIterator[bytes]:
        between = b""
        async for part in self._source.parts(run.first, run.parts):
            yield between + await asyncio.to_thread(_rendered, part, run, shown, lead)
            between = shown.separator


def _rendered(part: str, run: Run, shown: Format, lead: str) -> bytes:
    each = (shown.element(member, run.name, run.depth, lead) for member in json.loads(part))
    return shown.separator.join(each)
