"""SIGTERM in a slot: it ends the action at any line, but never in the midst of a message."""

import signal
import threading
from types import FrameType
from typing import Self


class Termination:
    """Turns SIGTERM into SystemExit in the main thread; inside `with` only when that is left."""

    def __init__(self) -> None:
        self._inside = 0
        self._asked = False

    def catch(self) -> None:
        """Catch the signal; for the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def __enter__(self) -> Self:
        if _in_main():
            self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        if _in_main():
            self._inside -= 1
            self._raise()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._raise()

    def _raise(self) -> None:
        if self._asked and not self._inside:
            # Once: what cleans up may still send messages of its own.
            self._asked = False
            raise SystemExit(0)


def _in_main() -> bool:
    # Threads of the action tell progress too; the signal is none of theirs.
    return threading.current_thread() is threading.main_thread()
