"""SIGTERM in a slot: it ends the action at any line, but never in the midst of a message."""

import signal
import threading
from types import FrameType
from typing import Self


class Termination:
    """Turns SIGTERM into SystemExit in the main thread; inside `with` only when that is left."""

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._inside = 0
        self._asked = False

    def catch(self) -> None:
        """Catch the signal; for the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def __enter__(self) -> Self:
        # Threads of the action tell progress too; the signal is none of theirs.
        if threading.get_ident() == self._main:
            self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        if threading.get_ident() == self._main:
            self._inside -= 1
            if self._asked:
                self._raise()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._raise()

    def _raise(self) -> None:
        if not self._inside:
            # Once: what cleans up may still send messages of its own.
            self._asked = False
            raise SystemExit(0)
