"""The wait between two passes: ended by news from a slot, the database, or a signal."""

import select
import signal
import socket
import time
from collections.abc import Collection, Sequence

from connector.db.dialects.base import Wake
from connector.worker.slots import Slot


class Rest:
    """Waits for whatever a worker's loop should look at.

    `certain`: whether the wake, while it has a descriptor, tells of all that is new.
    """

    def __init__(self, wake: Wake, certain: bool = False) -> None:
        self._wake = wake
        self._certain = certain
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)

    def catch_signals(self) -> None:
        """Have every signal of this process end the wait; for the main thread."""
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def interrupt(self) -> None:
        """End the wait, or the next one."""
        try:
            self._theirs.send(b"\0")
        except OSError:
            pass  # full, which will do; or closed, and nobody waits any more

    @property
    def hears(self) -> bool:
        """Whether all that is new is told now."""
        return self._certain and self._wake.fileno() is not None

    def until(self, deadline: float, slots: Sequence[Slot]) -> Collection[str]:
        """Wait until the monotonic `deadline` or news; return the queues of which that is."""
        poll, by_channel = select.poll(), {}
        poll.register(self._ours, select.POLLIN)
        for slot in slots:
            if not slot.deaf:  # its end would be news for ever
                # What it says is heard when it rings; of the channel only the end is looked for.
                by_channel[slot.channel.fileno()] = slot
                poll.register(slot.channel, select.POLLOUT if slot.channel.unsent else 0)
            poll.register(slot.bell.descriptor, select.POLLIN)
            poll.register(slot.pidfd, select.POLLIN)
        if (listening := self._wake.fileno()) is not None:
            poll.register(listening, select.POLLIN)
        for descriptor, events in poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            if events & select.POLLOUT and descriptor in by_channel:
                by_channel[descriptor].tell()
        news = self._wake.news()
        self._drain()
        return news

    def close(self) -> None:
        """Let go of the descriptors."""
        signal.set_wakeup_fd(-1)
        self._wake.close()
        self._ours.close()
        self._theirs.close()

    def _drain(self) -> None:
        try:
            while self._ours.recv(4096):
                pass
        except BlockingIOError:
            pass
