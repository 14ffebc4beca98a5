"""How workers hear of new actions: by the commit that stores them, or a little later."""

import time
from collections.abc import Collection

from connector.db.engine import Database

APART = 0.002
"""Seconds between two commits that tell, at least: they wait for each other, in all the cluster."""


class News:
    """What one thread that stores actions has to tell workers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tell_at = 0.0
        self._untold: set[str] = set()

    def by_commit(self) -> bool:
        """Say whether the next commit is to tell (`submit(…, tell=True)`), as nobody did lately."""
        return self._database.dialect.listens and time.monotonic() >= self._tell_at

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
