"""Ends that are alike are written many at a time, beside the next claim where that is possible."""

import concurrent.futures
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from connector import board, log
from connector.board.metrics import Metric
from connector.db.engine import Database, Tx
from connector.db.errors import Locked
from connector.jobs import outcomes
from connector.jobs.job import Run
from connector.jobs.states import State

_log = log.logger(__name__)

WORTH_IT = 16
"""Ends of one queue from which on they are written beside."""

CAREFUL = 5.0
"""Seconds for which locked rows are passed over after one was met: to look for them costs some."""

MOST = 1000
"""Ends written by one statement."""

Write = Callable[[Tx], State]


class Ended(NamedTuple):
    """A run that is over, and the verb that says so."""

    run: Run
    verb: str
    plain: Mapping[str, Any] | None
    """The result of one that ended well and about which nothing else is to be written."""
    other: Write | None = None
    """What writes any other end."""

    def write(self, tx: Tx) -> State:
        """Write it. Returns the state reached. Raises LeaseLost."""
        if self.other is not None:
            return self.other(tx)
        return outcomes.finish(tx, self.run, self.plain or {})


class Together:
    """Writes the plain ones of `waiting`, and takes those out that are stored.

    What cannot be written so stays there, for who writes one after the other and looks closer.
    """

    def __init__(self, database: Database, waiting: deque[Ended], told: Callable[[], None]) -> None:
        self._database = database
        self._waiting = waiting
        self._told = told
        self._careful_until = 0.0
        self._closer = False
        """Whether something is the matter with some that is only seen by one after the other."""
        self._beside = concurrent.futures.ThreadPoolExecutor(1, "recorder")
        self._under_way: tuple[int, concurrent.futures.Future[set[str]]] | None = None

    def begin(self, locked: Collection[str]) -> bool:
        """Have a batch written beside what the caller does; say whether one is.

        On a connection of its own, and `told` is called when it has ended. There is one at a time;
        few are not worth it, and are written before the next are claimed, so that none seems to
        overlap.
        """
        self._collect()
        if self._under_way is None and not self._closer and self._database.dialect.writes_beside:
            batch = self._batch(locked)
            counts = Counter(run.queue for run, _ in batch)
            if batch and max(counts.values()) >= WORTH_IT:  # the few of others go along
                writing = self._beside.submit(self._finish, batch)
                self._under_way = len(batch), writing
                writing.add_done_callback(lambda _: self._told())
        return self._under_way is not None

    def _collect(self) -> None:
        if self._under_way is not None and self._under_way[1].done():
            (count, writing), self._under_way = self._under_way, None
            done = writing.result() if writing.exception() is None else set()
            self._forget(done)
            self._closer = len(done) < count

    def write(self, locked: Collection[str], moved: Callable[[], None]) -> None:
        """Write batches, as far as nothing is the matter with them. Raises Unavailable."""
        self._closer = False
        while batch := self._batch(locked):
            moved()
            try:
                done = self._finish(batch)
            except Exception:
                self._database.read(probe)  # raises if it is not about one of them
                return
            self._forget(done)
            if len(done) < len(batch):
                return

    def _finish(self, batch: Sequence[tuple[Run, Mapping[str, Any]]]) -> set[str]:
        """Write them. Of rows that are locked one is waited for, and for a while no further."""
        careful = time.monotonic() < self._careful_until
        try:
            return self._database.run_alone(outcomes.finish_all, batch, careful)
        except Locked:
            self._careful_until = time.monotonic() + CAREFUL
            raise

    def _batch(self, locked: Collection[str]) -> list[tuple[Run, Mapping[str, Any]]]:
        found = (e for e in self._waiting if e.plain is not None and e.run.token not in locked)
        return [(e.run, e.plain or {}) for e in itertools.islice(found, MOST)]

    def _forget(self, tokens: Collection[str]) -> None:
        """Take note that these have ended well, and are stored."""
        done = [ended for ended in self._waiting if ended.run.token in tokens]
        left = [ended for ended in self._waiting if ended.run.token not in tokens]
        self._waiting.clear()
        self._waiting.extend(left)
        for queue in {ended.run.queue for ended in done}:
            attempts = [ended.run.attempt for ended in done if ended.run.queue == queue]
            board.count(Metric.OUTCOMES, queue, "finish", State.FINISHED, by=len(attempts))
            board.observe(Metric.ATTEMPTS, attempts, queue)
            if len(attempts) > 1:
                _log.info("runs ended", queue=queue, verb="finish", count=len(attempts))
        if len(done) == 1:
            run = done[0].run
            bound = _log.bind(token=run.token, attempt=run.attempt)
            bound.info("run ended", verb="finish", state=State.FINISHED.value)


def probe(tx: Tx) -> None:
    """Raise Unavailable unless the database answers."""
    tx.execute(sa.select(1))
