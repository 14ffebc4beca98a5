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

LONGEST_VALUE = 200
"""Characters that are kept of one value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that was answered. `at`: seconds since 1970; `seconds`: until the answer."""

    action: str
    request: str
    client: str
    at: float
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
        self._entries.append(
            Entry(
                action[:LONGEST_VALUE],
                self._shown(action, parameters),
                client,
                time.time() - seconds,
                seconds,
                outcome.lower(),
            )
        )

    async def answer(self, values: Mapping[str, Any], admission: Admission) -> Reply:
        """Answer GetRequestLog, the newest request first; `Tail`: so many of them."""
        entries = list(self._entries)
        newest = reversed(entries[max(0, len(entries) - max(0, values["Tail"])) :])
        told: list[Tree] = [_element(entry) for entry in newest]
        return Reply("GetRequestLog", {"logentry": told})

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


def _element(entry: Entry) -> Tree:
    return {
        "autn:action": entry.action.upper(),
        "autn:request": entry.request,
        "autn:client": entry.client,
        "autn:time": error_time(datetime.fromtimestamp(entry.at).astimezone()),
        "autn:duration": f"{entry.seconds * 1000:.2f} ms",
        "autn:status": entry.status,
        # One thread answers in each process, so the process says more.
        "autn:thread": os.getpid(),
    }
