"""How workers hear of new actions: by the commit that stores them, or a little later.

What they hear is the name of a queue, and the rank of what is new if others may stand behind it: a
worker that is at much looks just there. "" is for anything that may be new anywhere.
"""

import re
import time
from collections.abc import Collection, Iterable

from connector.db.engine import Database
from connector.jobs.job import NewJob

APART = 0.002
"""Seconds between two commits that tell, at least: they wait for each other, in all the cluster."""

_AT = re.compile(r"([^ ]+) (-?[0-9]{1,18})")


def told_of(queue: str, rank: int) -> str:
    """Return what tells of an action that waits at a known place in the order of claims."""
    return f"{queue} {rank}"


def understood(news: str) -> tuple[str, int | None]:
    """Return the queue that news are of, and the rank if they tell it."""
    match = _AT.fullmatch(news)
    return (match[1], int(match[2])) if match else (news, None)


class News:
    """What one thread that stores actions has to tell workers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tell_at = 0.0
        self._untold: set[str] = set()

    def by_commit(self, new: Iterable[NewJob]) -> bool:
        """Say whether the commit that stores these is to tell (`submit(…, tell=True)`).

        It is if none did lately, or if one of them may stand before others.
        """
        if not self._database.dialect.listens:
            return False
        return time.monotonic() >= self._tell_at or any(job.priority for job in new)

    def stored(self, queues: Collection[str], told: bool) -> None:
        """Note that there is something new in these queues; `told`: that the commit has told it."""
        if told:
            self._tell_at = time.monotonic() + APART
            self._untold.difference_update(queues)
        else:
            self._untold.update(queues)

    def tell(self) -> None:
        """Tell what no commit has told."""
        if self._untold:
            queues, self._untold = self._untold, set()
            self._database.notify(queues)
            self._tell_at = time.monotonic() + APART
