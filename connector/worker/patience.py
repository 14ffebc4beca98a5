"""How long news are left alone while looking finds nothing to do.

A queue that is paused, or whose slots are in use, may be told of thousands of times a second.
"""

BORNE = 3
"""Looks in vain, one after the other, that are borne."""

QUIET = 0.005
LONGEST_QUIET = 0.1
"""Seconds without a look thereafter: twice as many after each further one."""


class Patience:
    """Grows with each look in vain."""

    def __init__(self) -> None:
        self._in_vain = 0

    def looks(self) -> None:
        """Take note of a look."""
        self._in_vain += 1

    def found(self) -> None:
        """Take note that it was not in vain."""
        self._in_vain = 0

    @property
    def seconds(self) -> float:
        """For how long news are left alone now."""
        beyond = min(self._in_vain - BORNE, 10)
        return min(QUIET * 2.0**beyond, LONGEST_QUIET) if beyond > 0 else 0.0
