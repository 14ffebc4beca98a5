"""The wait between two passes: ended by news from a slot, the database, or a signal."""

import selectors
import signal
import socket
import time
from collections.abc import Sequence

from connector.db.dialects.base import Wake
from connector.worker.slots import Slot


class Rest:
    """Waits for whatever a worker's loop should look at."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
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

    def until(self, deadline: float, slots: Sequence[Slot]) -> bool:
        """Wait until the monotonic `deadline` or news; True if the database has news."""
        with selectors.PollSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            for slot in slots:
                events = selectors.EVENT_READ
                if slot.channel.unsent:
                    events |= selectors.EVENT_WRITE
                if not slot.deaf:  # its end would be news for ever
                    selector.register(slot.channel, events, slot)
                selector.register(slot.pidfd, selectors.EVENT_READ)
            listening = self._wake.fileno()
            if listening is not None:
                selector.register(listening, selectors.EVENT_READ)
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            changed = self._wake.changed()
            for key, events in ready:
                if isinstance(key.data, Slot) and events & selectors.EVENT_WRITE:
                    key.data.tell()
        self._drain()
        return changed

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
