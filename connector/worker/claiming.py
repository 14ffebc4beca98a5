"""Claims of a worker: one after the other, and one under way beside all else it does."""

import concurrent.futures
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from connector import log
from connector.actions.action import Action, WorksOnTasks
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable
from connector.jobs import claim, turns
from connector.jobs.job import Run
from connector.jobs.outbox import Outbox
from connector.jobs.places import Place
from connector.jobs.waiting import Due

_log = log.logger(__name__)

LONGEST_HEAD = 0.5
"""Seconds: what takes longer was locked, or waited for a database that was away."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed: at most `most` runs of a queue, of those that `due` has found.

    `since`: behind this place, if what is before has been claimed a moment ago. Of a queue that has
    much, `at`: at this rank; `head`: from its head.
    """

    queue: str
    worker_id: str
    most: int
    due: Due
    since: Place | None = None
    at: int | None = None
    head: bool = False

    @property
    def looks_back(self) -> bool:
        """Whether it is for what stands before all that has been claimed."""
        return self.head or self.at is not None


class Claimer:
    """Claims what is asked for."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, Action],
        database: Database,
        outbox: Outbox,
    ) -> None:
        self._actions = actions
        self._database = database
        self._outbox = outbox
        self._config_hash = settings.hash
        self._tasks = [task.name for task in settings.tasks]
        self._damaged: set[str] = set()
        self.head_seconds = 0.0
        """How long the last claim from the head of a queue that has much has taken, if not longer
        than LONGEST_HEAD."""
        self._beside = concurrent.futures.ThreadPoolExecutor(1, "claimer")
        self._under_way: tuple[Claim, concurrent.futures.Future[Sequence[Run]]] | None = None

    @property
    def under_way(self) -> str | None:
        """The queue that is claimed from beside, or whose claim has ended and is not collected."""
        return self._under_way[0].queue if self._under_way else None

    def begin(self, wanted: Claim, told: Callable[[], None]) -> None:
        """Begin a claim on a connection of its own; `told` is called when it has ended.

        There is one at a time.
        """
        assert self._under_way is None
        claiming = self._beside.submit(self._claim, wanted)
        self._under_way = wanted, claiming
        claiming.add_done_callback(lambda _: told())

    def collect(self, *, wait: bool = False) -> tuple[Claim, Sequence[Run]] | None:
        """Return the claim that was begun, and what it got, if it has ended. Raises Unavailable."""
        if self._under_way is None or not (wait or self._under_way[1].done()):
            return None
        (wanted, claiming), self._under_way = self._under_way, None
        return wanted, self._looked_into(wanted, claiming.result)

    def claim(self, wanted: Claim) -> Sequence[Run]:
        """Claim now; what is locked waits, and what is refused is looked into."""
        return self._looked_into(wanted, partial(self._claim, wanted))

    def _looked_into(self, wanted: Claim, result: Callable[[], Sequence[Run]]) -> Sequence[Run]:
        try:
            return result()
        except Locked as error:
            _log.warning("claim waits", queue=wanted.queue, error=str(error))
        except Unavailable:
            raise
        except Exception as error:
            self._refused(wanted.queue, error)
        return []

    def _claim(self, wanted: Claim) -> Sequence[Run]:
        began = time.monotonic()
        runs = self._claimed(wanted)
        if wanted.head:
            self.head_seconds = min(time.monotonic() - began, LONGEST_HEAD)
        return runs

    def _claimed(self, wanted: Claim) -> Sequence[Run]:
        queue, ahead = wanted.queue, wanted.due.ahead
        on_tasks, bad = isinstance(self._actions[queue], WorksOnTasks), self._damaged
        if not on_tasks and not wanted.due.limited:
            chosen = partial(claim.claim, ahead=ahead, since=wanted.since, at=wanted.at)
            chosen = partial(chosen, without=bad)
            if not self._outbox.hears_of_starts(queue):
                return self._database.run_alone(chosen, queue, wanted.worker_id, wanted.most)
        else:
            known = self._tasks if on_tasks else None
            chosen = partial(turns.claim_in_turn, known=known, ahead=ahead, without=bad)
        chosen = partial(chosen, config_hash=self._config_hash)
        claiming = self._outbox.claiming
        return self._database.run(claiming, chosen, queue, wanted.worker_id, wanted.most)

    def _refused(self, queue: str, error: Exception) -> None:
        """Find the rows for which a claim was refused: they are passed over from now on."""
        found = self._database.read(claim.damaged, queue, self._damaged)
        self._damaged.update(found)
        why = str(error).partition("\n")[0]  # what follows may quote the row
        _log.error(
            "claim refused; damaged rows are passed over", tokens=found, queue=queue, why=why
        )
