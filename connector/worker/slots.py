"""A worker's view of its slots: start them, give them runs, end them for certain."""

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from connector import board, log
from connector.config import Settings
from connector.jobs.job import Run
from connector.process import kill_tree, spawn
from connector.worker.channel import LONGEST, Channel, Closed, Message
from connector.worker.ending import Ending
from connector.worker.permits import Bell, Permits
from connector.worker.sayings import check
from connector.worker.storable import LARGEST_RESULT

_log = log.logger(__name__)

SHOW_STACKS = signal.SIGUSR2
"""What asks a slot to write down where its threads are, even while C code holds its lock."""

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


@dataclass(slots=True, eq=False)
class Slot:
    """One slot process and the runs it holds: one that it is at, and perhaps some behind that."""

    process: subprocess.Popen[bytes]
    channel: Channel
    pidfd: int
    stacks: int
    """A file that the slot writes the stacks of its threads into, when it is asked to."""
    ready: bool = False
    deaf: bool = False
    """Whether it has closed its end of the channel."""
    permits: Permits = field(default_factory=Permits.none)
    """How many of its runs it may still begin."""
    bell: Bell = field(default_factory=Bell.silent)
    """What it rings when it should be heard now."""
    run: Run | None = None
    """The first run that has not ended, as far as it has been heard."""
    behind: deque[Run] = field(default_factory=deque)
    """Runs that it was given besides, in order."""
    given: int = 0
    """How many it was given in all."""
    dropping: bool = False
    """Whether runs were taken back from it, and it has not said that it has dropped them."""
    began: float = 0.0
    """Monotonic time since which the run is its first."""
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
        permits, bell = Permits.none(), Bell.silent()
        shared = {"channel": theirs.fileno(), "stacks": stacks}
        shared |= {"permits": permits.descriptor, "bell": bell.descriptor}
        with contextlib.ExitStack() as stack, theirs:
            stack.callback(os.close, stacks)
            for each in (channel, permits, bell):
                stack.callback(each.close)
            process = spawn(
                "connector.worker.slot",
                settings.for_process("slot"),
                [f"--{name}-fd={number}" for name, number in shared.items()]
                + [f"--parent={os.getpid()}"],
                list(shared.values()),
                board.SLOTS,
            )
            pidfd = os.pidfd_open(process.pid)
            slot = cls(process, channel, pidfd, stacks, permits=permits, bell=bell, heard=now)
            stack.pop_all()  # they are the slot's now
        return slot

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def idle(self) -> bool:
        """Whether it can be given a run that is to begin now."""
        return self.open and self.run is None

    @property
    def open(self) -> bool:
        """Whether it can be given runs."""
        return self.ready and self.ending is None and not self.deaf and not self.dropping

    @property
    def runs(self) -> list[Run]:
        """All that it holds, in order."""
        return [self.run, *self.behind] if self.run is not None else []

    def give(self, runs: Sequence[Run], now: float) -> None:
        """Have it run actions of one queue, one after the other, behind what it holds."""
        self.given += len(runs)
        self.behind.extend(runs)
        if self.run is None:
            self._next(now)
        # Before it hears of them: a slot without a permit drops what it holds. And also if it has
        # died: what it has not begun is handed on.
        self.permits.give(len(runs))
        self._tell_of(runs)

    def _tell_of(self, runs: Sequence[Run]) -> None:
        told = [(run.token, run.attempt, dict(run.parameters), run.checkpoint) for run in runs]
        first = runs[0]
        message = {"type": "runs", "worker_id": first.worker_id, "queue": first.queue, "runs": told}
        if not self.tell(message, LONGEST if len(runs) > 1 else None):
            self._tell_of(runs[: len(runs) // 2])
            self._tell_of(runs[len(runs) // 2 :])

    def ended(self, now: float) -> Message:
        """Go on to the next run; return what the one that ended told and is not stored yet."""
        told, self.untold = self.untold, {}
        self._next(now)
        return told

    def take_back(self, now: float) -> list[Run]:
        """Take back the runs that it has not begun, and return them in order."""
        count = self.permits.take_all()
        if not count:
            return []
        self.dropping = True
        taken = [self.behind.pop() for _ in range(min(count, len(self.behind)))]
        if count > len(taken) and self.run is not None:
            taken.append(self.run)
            self._next(now)
        return taken[::-1]

    def dropped(self, received: int) -> None:
        """Note that it holds nothing of the first so many runs that it was given."""
        if received == self.given:
            self.dropping = False

    def _next(self, now: float) -> None:
        self.run = self.behind.popleft() if self.behind else None
        self.began = self.heard = now

    def tell(self, message: Message | None = None, most: int | None = None) -> bool:
        """Send a message, and what is still unsent; if it has died that is seen elsewhere.

        Returns False for a message of more than `most` bytes, which is not sent.
        """
        try:
            if message is not None:
                return self.channel.send(message, most)
            self.channel.flush()
        except Closed:
            _log.warning("slot has died before it could be told", pid=self.pid)
        return True

    def last_messages(self) -> list[Message]:
        """Return all that it had said before it ended, however much that is."""
        messages = self.messages()
        while self.channel.more and not self.deaf:
            messages += self.messages()
        return messages

    def messages(self) -> list[Message]:
        """Return what it has said; how its run ended with the `parts` of a large result.

        Of very much it is the beginning, and the bell is rung for the rest.
        """
        self.bell.rung()
        if self.deaf:
            return []
        messages = []
        try:
            for message in self.channel.receive():
                check(message)
                if message["type"] == "part":
                    self._keep(str(message["content"]))
                else:
                    if "result" in message:
                        message["parts"], self.parts = self.parts, []
                    messages.append(message)
            if self.channel.more:
                self.bell.ring()
        except Closed as error:
            self.deaf = True
            if said := str(error):
                self.why = f"its process sent its worker {said}"
            return []
        return messages

    def _keep(self, part: str) -> None:
        # As bytes: a text with one emoji in it takes four for every character.
        self.parts.append(part.encode(errors="replace"))
        if sum(map(len, self.parts)) > MOST_PARTS:
            raise Closed(f"a result of more than {MOST_PARTS:,} bytes")

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
        for each in (self.channel, self.permits, self.bell):
            each.close()
        os.close(self.pidfd)
        os.close(self.stacks)
