"""A worker's view of its slots: start them, give them runs, end them for certain."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from enum import Enum, auto

from connector import board, log
from connector.board.metrics import Metric
from connector.config import Settings
from connector.jobs.job import Run
from connector.process import kill_tree, spawn
from connector.worker.channel import Channel, Closed, Message
from connector.worker.storable import LARGEST_RESULT

_log = log.logger(__name__)

SHOW_STACKS = signal.SIGUSR2
"""What asks a slot to write down where its threads are, even while C code holds its lock."""


class Ending(Enum):
    """Why a slot's run is being ended by us."""

    STOP = auto()
    PAUSE = auto()
    LIMIT = auto()
    """It has used up its time."""
    SHUTDOWN = auto()
    DEAF = auto()
    """It has closed its channel, and lives."""
    LOST = auto()
    """The lease is gone: somebody else may run it, nothing may be written."""


STACKS = 0.1
"""Seconds before a kill at which the slot is asked where its threads are."""

LONGEST_STACKS = 1 << 16
"""Bytes of them that go to the log."""


CLOSED = 0.5
"""Seconds that a slot which has closed its channel has to end by itself."""

MOST_PARTS = 2 * LARGEST_RESULT
"""Bytes of the parts of a result; what sends more is no slot."""

BEGIN = 60.0
"""Seconds that a slot has until it is ready."""

SAYS = {
    "ready": set(),
    "progress": {"progress"},
    "save": {"number", "checkpoint"},
    "part": {"content"},
    "finished": {"result"},
    "failed": {"error", "result"},
    "retry": {"error", "after"},
    "release": {"reason", "after"},
}
"""What a slot may say, and what belongs to it."""


@dataclass(slots=True, eq=False)
class Slot:
    """One slot process and the run it holds."""

    process: subprocess.Popen[bytes]
    channel: Channel
    pidfd: int
    stacks: int
    """A file that the slot writes the stacks of its threads into, when it is asked to."""
    ready: bool = False
    deaf: bool = False
    """Whether it has closed its end of the channel."""
    run: Run | None = None
    told_run: bool = True
    """Whether it can have heard of its run: one that it cannot have begun is no try of it."""
    began: float = 0.0
    """Monotonic time at which it was given the run."""
    heard: float = 0.0
    """Monotonic time at which the run last told something."""
    untold: Message = field(default_factory=dict)
    """Progress and checkpoint of its run that are not in the database yet."""
    parts: list[bytes] = field(default_factory=list)
    """What it has told so far of a large result; how its run ended is told last."""
    store_at: float = 0.0
    """Monotonic time before which they are not tried again."""
    ending: Ending | None = None
    why: str = ""
    """What to say of a run that is ended by us."""
    kill_at: float | None = None
    """Monotonic time at which asking has failed."""
    asked_stacks: bool = False

    @classmethod
    def start(cls, settings: Settings, now: float) -> "Slot":
        """Start a slot process."""
        channel, theirs = Channel.pair()
        stacks = os.memfd_create("stacks")
        with contextlib.ExitStack() as stack, theirs:
            stack.callback(os.close, stacks)
            stack.callback(channel.close)
            process = spawn(
                "connector.worker.slot",
                settings.for_process("slot"),
                [
                    "--channel-fd",
                    str(theirs.fileno()),
                    "--stacks-fd",
                    str(stacks),
                    "--parent",
                    str(os.getpid()),
                ],
                [theirs.fileno(), stacks],
                board.SLOTS,
            )
            slot = cls(process, channel, os.pidfd_open(process.pid), stacks, heard=now)
            stack.pop_all()  # they are the slot's now
        return slot

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def idle(self) -> bool:
        """Whether it can be given a run."""
        return self.ready and self.run is None and self.ending is None and not self.deaf

    def give(self, run: Run, now: float) -> None:
        """Have it run an action."""
        self.run = run
        self.began = self.heard = now
        self.told_run = self.tell(
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

    def take_back(self) -> Message:
        """End what it has to do with its run; return what that told and is not stored yet."""
        if self.run is not None:
            board.observe(Metric.RUN_SECONDS, time.monotonic() - self.began, self.run.queue)
        told, self.untold, self.run = self.untold, {}, None
        self.parts = []
        return told

    def tell(self, message: Message | None = None) -> bool:
        """Send a message, and what is still unsent; return False if it has died."""
        try:
            if message is not None:
                self.channel.send(message)
            else:
                self.channel.flush()
        except Closed:
            _log.warning("slot has died before it could be told", pid=self.pid)
            return False
        return True

    def messages(self) -> list[Message]:
        """Return what it has said; how its run ended with the `parts` of a large result."""
        if self.deaf:
            return []
        try:
            messages = self.channel.receive()
            for message in messages:
                kind = message.get("type")
                if not isinstance(kind, str) or not SAYS.get(kind, {"?"}) <= message.keys():
                    raise Closed(f"a message nobody knows, of type {kind!r}")
                self._put_together(message)
        except Closed as error:
            self.deaf = True
            if said := str(error):
                self.why = f"its process sent its worker {said}"
            return []
        return [message for message in messages if message["type"] != "part"]

    def _put_together(self, message: Message) -> None:
        if message["type"] == "part":
            # As bytes: a text with one emoji in it takes four for every character.
            self.parts.append(str(message["content"]).encode())
            if sum(map(len, self.parts)) > MOST_PARTS:
                raise Closed(f"a result of more than {MOST_PARTS:,} bytes")
        elif "result" in message:
            message["parts"], self.parts = self.parts, []

    def begins_by(self) -> float:
        """Return the monotonic time by which it must be ready; infinity if it is."""
        waits = not self.ready and self.ending is None
        return self.heard + BEGIN if waits else float("inf")

    def ask_to_end(self, ending: Ending, now: float, grace: float, why: str = "") -> None:
        """Ask it to end; after `grace` seconds it is killed, without a word if that is 0.

        Asking again says for what, and brings the kill forward if the grace is shorter.
        """
        first = self.ending is None
        self.ending, self.why = ending, why or self.why
        if first and grace and ending is not Ending.DEAF:
            self.process.send_signal(signal.SIGTERM)
        kill_at = now + max(grace, STACKS)
        if first or (self.kill_at is not None and kill_at < self.kill_at):
            self.kill_at = kill_at

    def kill_if_due(self, now: float) -> None:
        """Kill it if it was asked to end and has not, its stacks going to the log before."""
        if self.kill_at is None:
            return
        if now >= self.kill_at - STACKS and not self.asked_stacks:
            self.asked_stacks = True
            if self.ready and self.run is not None:
                self.process.send_signal(SHOW_STACKS)
        if now >= self.kill_at:
            self._log_kill()
            self.kill()

    def kill(self) -> None:
        """End it and everything it has started, now."""
        kill_tree(self.pid)
        self.kill_at = None

    def _log_kill(self) -> None:
        facts = {"pid": self.pid, "why": self.why or (self.ending.name if self.ending else "")}
        if self.run is not None:
            stacks = os.pread(self.stacks, LONGEST_STACKS, 0).decode(errors="replace")
            facts |= {"token": self.run.token, "attempt": self.run.attempt, "stacks": stacks}
        _log.warning("slot did not end when asked: killed", **facts)

    @property
    def ended_for(self) -> Ending | None:
        """What it was ended for; None if it has died by itself.

        Of a process that dies its channel may be seen to close first.
        """
        return None if self.ending is Ending.DEAF and self.kill_at is not None else self.ending

    def reaped(self) -> int | None:
        """Return its exit status if it has ended (negative: the signal), else None."""
        return self.process.poll()

    def close(self) -> None:
        """Let go of a slot that has ended."""
        self.channel.close()
        os.close(self.pidfd)
        os.close(self.stacks)
