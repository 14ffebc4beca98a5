"""What goes wrong on purpose, and the count of what was asked."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Order:
    """Answer ``count`` requests with ``status``, after ``after`` others.

    With an ``endpoint`` (a name as in ``Requests.endpoints``) only its requests are meant.
    """

    status: int
    count: int
    after: int
    endpoint: str | None

    def take(self, endpoint: str) -> int | None:
        """The status for the next request to an endpoint, if it is due."""
        if self.count < 1 or self.endpoint not in (None, endpoint):
            return None
        if self.after > 0:
            self.after -= 1
            return None
        self.count -= 1
        return self.status


class Faults:
    """Throttling every n-th request, failures on order, and latency."""

    def __init__(self, throttle_every: int) -> None:
        self.latency = 0.0
        """Seconds every answer is delayed."""
        self.orders: list[Order] = []
        self._every = throttle_every
        self._seen = 0
        self._owed: set[str] = set()

    def status_for(self, endpoint: str, request: str) -> int | None:
        """The error status a request gets instead of its answer, if any.

        ``request`` tells requests apart (method and address): one that was throttled succeeds
        when it is repeated, whatever came between.
        """
        for order in self.orders:
            status = order.take(endpoint)
            if status is not None:
                return status
        if self._every == 0:
            return None
        if request in self._owed:
            self._owed.remove(request)
            return None
        self._seen += 1
        if self._seen % self._every:
            return None
        self._owed.add(request)
        return 429


@dataclass(slots=True)
class Requests:
    """How many requests came, counted whatever the answer was."""

    endpoints: Counter[str] = field(default_factory=Counter)
    rooms: Counter[str] = field(default_factory=Counter)
    """Requests of /messages by their ``roomId``."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers by status."""

    def as_json(self) -> dict[str, dict[str, int]]:
        """The counts, as the control gives them out."""
        return {
            "endpoints": dict(self.endpoints),
            "rooms": dict(self.rooms),
            "statuses": dict(self.statuses),
        }
