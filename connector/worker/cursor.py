"""Where the claims from a queue begin that has much.

Each begins behind the last one: else it would go through all that have been claimed since the
last vacuum, or for as long as somebody holds an old snapshot. What is urgent, or was handed back,
stands before that. So now and then, and when there is news, the head is looked at as well: one is
claimed from there, and more while they stand before what has been claimed. More at once would be
looked for among all that have been claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.jobs.job import Run
from connector.jobs.places import Place

GROWTH = 8
"""How many times as many are claimed from the head if all of the last ones stood before."""


@dataclass
class Cursor:
    """The place in one queue."""

    reached: Place
    """Up to here has been claimed."""
    head: int = 0
    """How many are claimed from the head next; 0: those behind `reached`."""

    def look_at_head(self) -> None:
        """Have the head be looked at."""
        self.head = max(self.head, 1)

    def overtaking(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Return those that stand before what has been claimed."""
        return [run for run in runs if place(run) < self.reached]

    def took(self, runs: Sequence[Run], *, head: bool) -> None:
        """Note what was claimed, as many as were wanted; `head`: from there."""
        if head and len(self.overtaking(runs)) == len(runs):
            self.head = max(self.head, GROWTH * len(runs))
        self.reached = max(self.reached, place(runs[-1]))


def place(run: Run) -> Place:
    """Return where a run stands in the order of claims."""
    return run.rank, run.token
