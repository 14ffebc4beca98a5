"""What a running action is given: see `connector.actions.action.Context`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.actions.action import Document, Log
from connector.worker.channel import Channel
from connector.worker.storable import storable

INTERVAL = 0.2
"""Seconds between two progress messages; what comes faster is merged."""


class SlotContext:
    """The context of one run, which speaks to the worker through the slot's channel."""

    def __init__(self, channel: Channel, run: Mapping[str, Any], folder: Path, log: Log) -> None:
        self.token: str = run["token"]
        self.attempt: int = run["attempt"]
        self.worker_id: str = run["worker_id"]
        self.parameters: Mapping[str, Any] = run["parameters"]
        self.checkpoint: Document | None = run["checkpoint"]
        self.folder = folder
        self.log = log
        self._channel = channel
        self._facts: dict[str, Any] = {}
        self._sent_at = float("-inf")

    def progress(self, **facts: object) -> None:
        """Tell how far the action is; sent on at once, or merged with what follows soon."""
        self._facts.update(storable(facts))
        now = time.monotonic()
        if now - self._sent_at >= INTERVAL:
            self._sent_at = now
            self._channel.send({"type": "progress", "progress": self._facts})

    def save(self, checkpoint: Document) -> None:
        """Save a checkpoint and return when the worker has stored it."""
        self._channel.send(
            {"type": "save", "checkpoint": storable(checkpoint), "progress": self._facts or None}
        )
        self._channel.wait()

    @property
    def facts(self) -> dict[str, Any]:
        """What was told last, sent or not."""
        return self._facts
