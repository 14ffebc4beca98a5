"""GetRequestLog: what this http process was asked last, and how it went.

Source of the element names: GetRequestLog.xml of the vendor's Java client.
"""

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connector.aci.authorization import Admission
from connector.aci.dates import error_time
from connector.aci.masking import Masking
from connector.aci.parameters import Parameters
from connector.aci.reply import Reply
from connector.aci.tree import Tree

KEPT = 200
"""Requests that are remembered."""

LONGEST = 2_000
"""Characters that are kept of a request."""

FEW = 20
"""Parameters of an ordinary request."""

LONGEST_VALUE = 200
"""Characters that are kept of one value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that was answered. `ended_at`: in seconds since 1970."""

    action: str
    request: str | Parameters
    """As it is told, or what that is made of."""
    client: str
    ended_at: float
    seconds: float
    status: str


class RequestLog:
    """The newest requests of one http process, secrets masked."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def note(
        self, action: str, parameters: Parameters, client: str, seconds: float, outcome: str
    ) -> None:
        """Remember a request. `parameters`: empty of one that could not be read."""
        # Few are ever told, so what is small is kept as it is: writing it out would cost all.
        small = len(parameters) <= FEW and sum(map(len, parameters.values())) <= LONGEST
        request = parameters if small else self._shown(action, parameters)
        self._entries.append(
            Entry(action[:LONGEST_VALUE], request, client, time.time(), seconds, outcome.lower())
        )

    async def answer(self, values: Mapping[str, Any], admission: Admission) -> Reply:
        """Answer GetRequestLog, the newest request first; `Tail`: so many of them."""
        entries = list(self._entries)
        newest = reversed(entries[max(0, len(entries) - max(0, values["Tail"])) :])
        told: list[Tree] = [self._element(entry) for entry in newest]
        return Reply("GetRequestLog", {"logentry": told})

    def _element(self, entry: Entry) -> Tree:
        request = entry.request
        if isinstance(request, Parameters):
            request = self._shown(entry.action, request)
        return {
            "autn:action": entry.action.upper(),
            "autn:request": request,
            "autn:client": entry.client,
            "autn:time": error_time(datetime.fromtimestamp(entry.ended_at).astimezone()),
            "autn:duration": f"{entry.seconds * 1000:.2f} ms",
            "autn:status": entry.status,
            # One thread answers in each process, so the process says more.
            "autn:thread": os.getpid(),
        }

    def _shown(self, action: str, parameters: Parameters) -> str:
        """Write a request as it stands in a URL, cut where it grows too long."""
        pieces = [f"action={_quoted(action)}"]
        length = len(pieces[0])
        for name, value in parameters.items():
            if length > LONGEST:
                pieces.append("…")
                break
            pieces.append(f"{_quoted(name)}={_quoted(self._masking.shown(action, name, value))}")
            length += len(pieces[-1])
        return "&".join(pieces)


def _quoted(text: str) -> str:
    cut = text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE]
    quoted = quote(cut, safe="*", errors="replace")
    return quoted if cut is text else quoted + "…"
