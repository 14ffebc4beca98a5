"""A worker's view of its slots: start them, give them runs, end them for certain."""

import os
import signal
import subprocess
from dataclasses import dataclass
from enum import Enum, auto

from connector import log
from connector.config import Settings
from connector.jobs.job import Run
from connector.process import kill_tree, spawn
from connector.worker.channel import Channel, Closed, Message

_log = log.logger(__name__)


class Ending(Enum):
    """Why a slot's run is being ended by us."""

    STOP = auto()
    SHUTDOWN = auto()
    LOST = auto()
    """The lease is gone: somebody else may run it, nothing may be written."""


@dataclass(slots=True, eq=False)
class Slot:
    """One slot process and the run it holds."""

    process: subprocess.Popen[bytes]
    channel: Channel
    pidfd: int
    ready: bool = False
    run: Run | None = None
    ending: Ending | None = None
    kill_at: float | None = None
    """Monotonic time at which asking has failed."""

    @classmethod
    def start(cls, settings: Settings) -> "Slot":
        """Start a slot process."""
        channel, theirs = Channel.pair()
        with theirs:
            process = spawn(
                "connector.worker.slot",
                settings,
                ["--channel-fd", str(theirs.fileno()), "--parent", str(os.getpid())],
                [theirs.fileno()],
            )
        return cls(process, channel, os.pidfd_open(process.pid))

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def idle(self) -> bool:
        """Whether it can be given a run."""
        return self.ready and self.run is None and self.ending is None

    def give(self, run: Run) -> None:
        """Have it run an action."""
        self.run = run
        self.tell(
            {
                "type": "run",
                "token": run.token,
                "attempt": run.attempt,
                "worker_id": run.worker_id,
                "queue": run.queue,
                "parameters": dict(run.parameters),
                "checkpoint": run.checkpoint,
            }
        )

    def tell(self, message: Message | None = None) -> None:
        """Send a message, and what is still unsent. Of one that has died the next reap learns."""
        try:
            if message is not None:
                self.channel.send(message)
            else:
                self.channel.flush()
        except Closed:
            _log.warning("slot has died before it could be told", pid=self.pid)

    def messages(self) -> list[Message]:
        """Return what it has said."""
        try:
            return self.channel.receive()
        except Closed:
            return []

    def ask_to_end(self, why: Ending, now: float, grace: float) -> None:
        """Ask it to end; after `grace` seconds it is killed. Asking again changes only why."""
        first = self.ending is None
        self.ending = why
        if first:
            self.kill_at = now + grace
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and everything it has started, now."""
        kill_tree(self.pid)
        self.kill_at = None

    def reaped(self) -> int | None:
        """Return its exit status if it has ended (negative: the signal), else None."""
        return self.process.poll()

    def close(self) -> None:
        """Let go of a slot that has ended."""
        self.channel.close()
        os.close(self.pidfd)
