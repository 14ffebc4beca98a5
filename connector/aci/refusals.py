"""Requests that are refused: why, how many, and their lines in the log."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from connector import board, log
from connector.aci.errors import AciError, Code
from connector.board.metrics import Metric

_log = log.logger(__name__)

LINES = 20
"""Log lines about refusals in one second; what is beyond them is counted in the next line."""


class Reason(StrEnum):
    """Why a request or a connection is refused; a metric has one series for each."""

    HOST = "host"
    ORIGIN = "origin"
    ROLE = "role"
    KEY = "key"
    REQUESTS = "requests"
    CONNECTIONS = "connections"
    HEAD = "head"
    STALLED = "stalled"


CODES: Mapping[Reason, Code] = {
    Reason.HOST: Code.FOREIGN,
    Reason.ORIGIN: Code.FOREIGN,
    Reason.ROLE: Code.NOT_PERMITTED,
    Reason.KEY: Code.KEY_INVALID,
    Reason.REQUESTS: Code.TOO_MANY,
}
"""Reason to the error that the client is sent; of the others the connection is closed."""


class Refused(AciError):
    """A request that is refused. `description`: a sentence that says what would be right."""

    def __init__(self, reason: Reason, description: str) -> None:
        self.reason = reason
        super().__init__(CODES[reason], description)


class Refusals:
    """Counts what one process refuses and logs it, bounded; any thread may call it.

    On a board it counts there too, for the metrics of the host.
    """

    def __init__(self) -> None:
        for reason in Reason:  # so that each is told before there is any
            board.count(Metric.REFUSALS, reason, by=0)
        self._lock = threading.Lock()
        self._counts: Counter[Reason] = Counter()
        self._second = 0
        self._lines = 0
        self._unlogged = 0

    def note(self, reason: Reason, client: str, told: str) -> None:
        """Count a refusal, and log who was told what."""
        board.count(Metric.REFUSALS, reason)
        with self._lock:
            self._counts[reason] += 1
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._lines = second, 0
            self._lines += 1
            if self._lines > LINES:
                self._unlogged += 1
                return
            unlogged, self._unlogged = self._unlogged, 0
        more = {"unlogged_before": unlogged} if unlogged else {}
        _log.warning("refused", reason=str(reason), client=client, told=told, **more)

    def counts(self) -> Mapping[str, int]:
        """Return how many were refused since the start of the process, for every reason."""
        with self._lock:
            return {str(reason): self._counts[reason] for reason in Reason}
