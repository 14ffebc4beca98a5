"""Events for a function that an installed package has, in a process of its own.

So a handler that hangs is ended for certain, and one that crashes takes nobody along.
"""

import os
import socket
import subprocess
import sys

from connector.config.handlers import HandlerSettings
from connector.config.sources import NATIVE_TOKEN, PREFIX
from connector.process import kill_tree
from connector.worker.channel import Channel, Closed
from connector.worker.notices import Notice
from connector.worker.targets import Away, NotDelivered

BEGIN = 10.0
"""Seconds more that the first event may take: the process is started, and the package loaded."""


class Outside:
    """Calls an entry point; what it raises means that it did not take the event."""

    def __init__(self, settings: HandlerSettings) -> None:
        self._name = settings.entry_point
        self._seconds = settings.timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process that it has started."""
        process = self._process
        return process.pid if process is not None else None

    def send(self, notice: Notice) -> None:
        """Call it with the parameters of the action, and the event."""
        seconds = self._seconds
        if self._socket is None:
            self._socket = self._started()
            seconds += BEGIN
        self._socket.settimeout(seconds)
        channel = Channel(self._socket)
        event = {"event_id": notice.event_id, "type": notice.event, **notice.data}
        try:
            channel.send({"request": dict(notice.request), "event": event})
            answer = channel.wait()
        except Closed as error:
            self.close()
            hangs = isinstance(error.__cause__, TimeoutError)
            said = f"it did not return within {seconds:g} s" if hangs else "its process died"
            raise NotDelivered(said) from error
        if answer["type"] != "taken":
            raise NotDelivered(str(answer.get("error")))

    def close(self) -> None:
        """End the process and all that it has started."""
        process, end = self._process, self._socket
        self._process = self._socket = None
        if end is not None:
            end.close()
        if process is not None:
            kill_tree(process.pid)
            process.wait()

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        kept = {n: v for n, v in os.environ.items() if not n.startswith(PREFIX)}
        kept.pop(NATIVE_TOKEN, None)
        given = ["--name", self._name, "--fd", str(theirs.fileno()), "--parent", str(os.getpid())]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connector.worker.calling", *given],
                pass_fds=[theirs.fileno()],
                env=kept,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise Away(f"its process cannot be started: {error.strerror}") from error
        finally:
            theirs.close()
        return ours
