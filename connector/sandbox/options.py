"""What can be chosen about a sandbox."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

END = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How much content there is, and how the sandbox behaves.

    The content depends on nothing but ``seed``, ``rooms``, ``messages``, ``files``, ``file_size``,
    ``now`` and ``span``: the same values give the same bytes, whenever and wherever it runs (the
    addresses of files carry the host and port, nothing else does).

    Raises ValueError for a value out of range.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free port."""
    seed: int = 1
    rooms: int = 5
    messages: int = 60
    """Of all rooms together; the rooms' shares differ by one at most."""
    files: int = 10
    """Every n-th message has a file; 0: none has."""
    file_size: int = 2_000
    """Bytes of a file; formats that cannot be so small have a few hundred bytes."""
    now: datetime = END
    """When the newest message was written, at the latest (an aware date)."""
    span: timedelta = timedelta(days=90)
    """Over how much time before ``now`` the messages are spread, evenly."""
    messages_limit: int = 1_000
    """A larger ``max`` of /messages is silently taken as this."""
    rooms_limit: int = 1_000
    """The same for /rooms."""
    throttle_every: int = 40
    """Every n-th request gets 429 and succeeds when repeated; 0: never."""
    retry_after: int = 1
    """Seconds named in Retry-After."""
    scan_files: bool = False
    """Whether the first request of each file gets 423, as while it is scanned."""
    token: str = field(default="sandbox-token", repr=False)
    """The bearer token that is accepted."""

    def __post_init__(self) -> None:
        for name in ("messages", "files", "file_size", "throttle_every", "retry_after"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in ("rooms", "messages_limit", "rooms_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.now.tzinfo is None:
            raise ValueError("now must name its time zone, as in 2026-10-01T00:00:00Z")
        if self.span < timedelta(milliseconds=max(1, self.messages)):
            raise ValueError("span must have a millisecond for each message")
