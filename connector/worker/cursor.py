"""Where the claims from a queue begin that has much.

Each begins behind the last one: else it would go through all that have been claimed since the
last vacuum, or for as long as somebody holds an old snapshot. What is urgent, or was handed back,
stands before that. News tell its rank, and it is claimed from there. In case they were missed, the
head is looked at now and then: one is claimed from it, and more while they stand before what has
been claimed. More at once would be looked for among all that have been claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from connector.jobs.job import Run
from connector.jobs.places import Place
from connector.worker.claiming import Claim

ANEW, TIMES = 1.0, 20.0
"""Seconds between two looks at the head, and how many times as long as the last one took: it goes
through all that is dead."""

GROWTH = 8
"""How many times as many are claimed from the head if all of the last ones stood before."""

MOST_TOLD = 50
"""Ranks that are looked at one by one; of more the head is."""


@dataclass
class Cursor:
    """The place in one queue."""

    reached: Place
    """Up to here has been claimed."""
    looked_at: float
    """When the head was looked at, or was to be."""
    doubted: bool = False
    """Whether there is news that do not tell where something may stand."""
    head: int = 0
    """How many are claimed from the head next; 0: those behind `reached`."""
    told: set[int] = field(default_factory=set)
    """Ranks before `reached` at which something waits."""

    def heard(self, rank: int) -> None:
        """Have a rank be looked at if the claims have passed it."""
        if rank > self.reached[0]:
            return
        self.told.add(rank)
        if len(self.told) > MOST_TOLD:
            self.told.clear()
            self.head = max(self.head, 1)

    def next(self, wanted: Claim) -> Claim:
        """Return the claim with where it begins."""
        if self.told:
            return replace(wanted, at=self.told.pop())
        if self.head:
            most, self.head = min(wanted.most, self.head), 0
            return replace(wanted, most=most, head=True)
        return replace(wanted, since=self.reached)

    def overtaking(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Return those that stand before what has been claimed."""
        return [run for run in runs if place(run) < self.reached]

    def took(self, wanted: Claim, runs: Sequence[Run]) -> None:
        """Note what was claimed, as many as were wanted: there may be more."""
        if wanted.at is not None:
            if place(runs[-1]) < self.reached:
                self.told.add(wanted.at)
        elif wanted.head and len(self.overtaking(runs)) == len(runs):
            self.head = max(self.head, GROWTH * len(runs))
        self.reached = max(self.reached, place(runs[-1]))


class Cursors(dict[str, Cursor]):
    """The cursors of queues that have much."""

    def look_at_heads(self, now: float, took: float, *, anything: bool) -> None:
        """Have the heads be looked at for which it is time; the last look took so many seconds.

        `anything`: whether anything may be new, wherever it stands.
        """
        for cursor in self.values():
            cursor.doubted |= anything
            if now >= cursor.looked_at + ANEW * (not cursor.doubted) + TIMES * took:
                cursor.looked_at, cursor.doubted = now, False
                cursor.head = max(cursor.head, 1)

    def took(self, wanted: Claim, runs: Sequence[Run], now: float) -> None:
        """Note where the next claim begins, if there is so much that it need not be the head."""
        cursor = self.get(wanted.queue)
        much = len(runs) == wanted.most and (wanted.most > 1 or wanted.looks_back)
        if wanted.at is not None and not (cursor and much):
            return  # of what stands behind nothing is known
        if not much or wanted.due.limited or wanted.due.ahead:
            self.pop(wanted.queue, None)
        elif cursor:
            cursor.took(wanted, runs)
        else:
            self[wanted.queue] = Cursor(place(runs[-1]), now)


def place(run: Run) -> Place:
    """Return where a run stands in the order of claims."""
    return run.rank, run.token
