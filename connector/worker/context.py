"""What a running action is given: see `connector.actions.action.Context`."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.actions.action import Document, Log, Outcome
from connector.worker.channel import Closed, Message, SlotChannel
from connector.worker.hiding import Hiding
from connector.worker.storable import storable
from connector.worker.termination import Termination

INTERVAL = 0.2
"""Seconds between two progress messages; what comes faster is merged."""


class SlotContext:
    """The context of one run, which speaks to the worker through the slot's channel."""

    # What most runs never change.
    hiding: Hiding | None = None
    """Of a run that was given secrets."""
    _unsent = False
    _sent_at = float("-inf")
    _saves = _saved = 0
    _later: threading.Timer | None = None
    _over = False

    def __init__(
        self,
        channel: SlotChannel,
        ending: Termination,
        run: Mapping[str, Any],
        folder: Path,
        log: Log,
    ) -> None:
        self.token: str = run["token"]
        self.attempt: int = run["attempt"]
        self.worker_id: str = run["worker_id"]
        self.parameters: Mapping[str, Any] = run["parameters"]
        self.checkpoint: Document | None = run["checkpoint"]
        self.folder = folder
        self.log = log
        self._channel = channel
        self._ending = ending
        self._facts: dict[str, Any] = {}
        self._turn = threading.Lock()
        self._began = time.monotonic()

    def progress(self, **facts: object) -> None:
        """Tell how far the action is; sent on at once, or merged with what follows soon."""
        told = storable(facts)
        if self.hiding is not None:
            told = self.hiding.value(told)
        with self._ending, self._turn:
            self._check()
            self._facts.update(told)
            self._unsent = True
            wait = self._sent_at + INTERVAL - time.monotonic()
            if wait <= 0:
                self._tell()
            elif self._later is None:
                # Else what is told last before a long silence would be known only after it.
                self._later = threading.Timer(wait, self._tell_late)
                self._later.daemon = True
                self._later.start()

    def save(self, checkpoint: Document) -> None:
        """Save a checkpoint and return when the worker has stored it."""
        saved = storable(checkpoint)
        with self._ending, self._turn:
            self._check()
            self._saves += 1
            number = self._saves
            facts = self._facts or None
            self._channel.send(
                {"type": "save", "number": number, "checkpoint": saved, "progress": facts}
            )
            self._channel.bell.ring()
        while self._saved < number:  # one that was interrupted may be answered late
            self._channel.wait_for_news()
            with self._ending, self._turn:
                self._check()  # else a thread left behind would take what is said to the next run
                for answer in self._channel.answers():
                    self._saved = max(self._saved, answer["number"])

    def hidden(self, outcome: Outcome) -> Outcome:
        """Return an outcome without the secrets that the run was given."""
        return self.hiding.outcome(outcome) if self.hiding else outcome

    def end(self, outcome: Message) -> None:
        """Send how the run ended, the parts of a large result first; nothing is told after that."""
        told = dict(outcome)
        parts = told.pop("parts", ())
        with self._ending, self._turn:
            if self._later is not None:
                self._later.cancel()
            self._over = True
            for part in parts:
                self._channel.send({"type": "part", "content": part})
            now = time.monotonic()
            told["took"] = now - self._began
            if self._unsent:
                told["progress"] = self._facts
            self._channel.send(told)
            self._channel.ring_in_time(now)

    def _check(self) -> None:
        if not self._channel.is_ours():
            raise RuntimeError(
                "progress and checkpoints are told by the process that the action runs in, "
                "not by one that it has forked"
            )
        if self._over:
            raise RuntimeError("the action has ended: nothing more is told of it")

    def _tell(self) -> None:
        self._sent_at = time.monotonic()
        self._unsent = False
        self._channel.send({"type": "progress", "progress": self._facts})
        self._channel.bell.ring()

    def _tell_late(self) -> None:
        try:
            with self._turn:
                self._later = None
                if not self._over:
                    self._tell()
        except Closed:
            pass  # the worker is gone, and this process is about to follow
