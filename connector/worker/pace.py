"""How many actions a slot is given at once: as many as it does in a twentieth of a second.

Short ones are cheap so, and none waits long behind another. What turns out to take longer is alone
with its slot: the worker takes back what waits behind it.
"""

import math
from collections.abc import Sequence

CHUNK_SECONDS = 0.05
"""Seconds of work that a slot is given at once."""

LONG = 0.05
"""Seconds after which what waits behind a run is taken back."""

LARGEST = 1000
"""Runs given at once, at most: a claim of more is no faster."""

OWN_SECONDS = 40e-6
"""Seconds that a worker itself is at work for a run."""

GROWTH = 8
"""How many times as many as before: the first short ones say little about those that follow."""

WEIGHT = 0.2
"""Of the newest measurement, in the mean of one after the other."""


class Pace:
    """The measured durations of one queue's actions, and what follows for its slots."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._given = 1

    @property
    def size(self) -> int:
        """How many runs a slot is given at once; 1 while nothing is known."""
        if self._mean is None:
            return 1
        fitting = int(CHUNK_SECONDS / max(self._mean, 1e-6))
        return max(1, min(fitting, LARGEST, GROWTH * self._given))

    def slots(self, most: int) -> int:
        """Return how many slots its runs are spread over, of so many.

        What is shorter than the worker's own work for it would only have them wait, in turn.
        """
        if self._mean is None:
            return most
        return max(1, min(most, math.ceil(self._mean / OWN_SECONDS)))

    def gave(self, count: int) -> None:
        """Note how many a slot was given at once."""
        self._given = max(count, self._given // 2)

    def took(self, seconds: Sequence[float]) -> None:
        """Note how long runs took that have been heard of together.

        By their mean: of thousands some are held up by whatever else the processors do, and one of
        those, by itself the newest, would seem to say that all are long.
        """
        mean = sum(seconds) / len(seconds)
        if self._mean is None:
            self._mean = mean
        else:
            self._mean += (1 - (1 - WEIGHT) ** len(seconds)) * (mean - self._mean)
