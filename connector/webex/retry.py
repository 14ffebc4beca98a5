"""When a request is repeated, and how long to wait before."""

import random
from collections.abc import Callable
from dataclasses import dataclass

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds; bounds of the pauses that we choose ourselves."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `max_retries` repeats and `max_wait` seconds of pauses for one request.

    `wait` does the waiting. A pause that Webex asked for is kept to the second; one that does not
    fit into what is left of `max_wait` is not begun: asking again too early only prolongs it.
    """

    max_retries: int
    max_wait: float
    wait: Callable[[float], None]

    def budget(self) -> "Budget":
        """What one request may still spend."""
        return Budget(self)


class Budget:
    """Counts the repeats and the pauses of one request."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._waited = 0.0
        self.retries = 0

    def pause(self, retry_after: float | None) -> bool:
        """Wait `retry_after` seconds, or a growing random pause if None; False if spent."""
        if self.retries >= self._policy.max_retries:
            return False
        seconds = self._backoff() if retry_after is None else retry_after
        if self._waited + seconds > self._policy.max_wait:
            return False
        self.retries += 1
        self._waited += seconds
        self._policy.wait(seconds)
        return True

    def _backoff(self) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * float(2**self.retries))
        return random.uniform(longest / 2, longest)
