"""How often to ask while waiting: as often as the server answers, or with growing pauses."""

from dataclasses import dataclass

FIRST = 0.05
"""Seconds of the first pause."""

GROWTH = 1.5
LONGEST = 2.0
"""Seconds of the longest pause, if nobody looks at the progress."""

LONGEST_SHOWN = 0.5
"""Seconds of the longest pause, if somebody does."""

SERVER_WAITS = 8
"""Seconds that the server is asked to wait for a change, which is the most it does by default."""

SERVER_WAITS_SHOWN = 1
"""The same if somebody looks at the progress, which is no change of state and ends no wait."""


@dataclass
class Pace:
    """The pauses of one wait.

    A server that waits takes longer to answer than a pause would be, so there is no pause. One that
    does not know `Wait` answers at once, and is asked less and less often.
    """

    shown: bool
    _pause: float = FIRST

    def server_waits(self, left: float | None) -> int:
        """Return the whole seconds to ask the server to wait; `left`: of our own time, or None."""
        most = SERVER_WAITS_SHOWN if self.shown else SERVER_WAITS
        return most if left is None else max(0, min(most, int(left)))

    def rest(self, took: float, changed: bool) -> float:
        """Return the seconds to pause after a request that took so long, and showed a change."""
        if changed:
            self._pause = FIRST
        rest = max(0.0, self._pause - took)
        self._pause = min(self._pause * GROWTH, LONGEST_SHOWN if self.shown else LONGEST)
        return rest
