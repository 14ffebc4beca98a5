"""A worker's lease: its row, its beats, and what it does when the row is gone."""

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import connector
from connector import log
from connector.db.engine import Database
from connector.jobs import workers
from connector.jobs.submit import AGEING_STEP
from connector.jobs.token import new_token
from connector.process import boot_id
from connector.worker import hostlock

_log = log.logger(__name__)

BEATS = 3
"""Beats in the time of one lease: two may fail before it lapses."""


class Lease:
    """The lease of one worker. Whoever has lost it must end its runs without writing.

    `queues`: what it serves, each with its limit; `tasks`: the fetch tasks it knows; `steps`: what
    a point of priority is worth in each queue; `environment`: the deployment it works for;
    `beats`: the database on connections of its own, so that a beat waits for nothing else.
    """

    def __init__(
        self,
        database: Database,
        state: Path,
        seconds: float,
        queues: Mapping[str, int],
        tasks: Sequence[str],
        steps: Mapping[str, float] | None = None,
        beats: Database | None = None,
        environment: str | None = None,
        config_hash: str | None = None,
        build: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._beats = beats or database
        self._state = state
        self._steps = steps or dict.fromkeys(queues, AGEING_STEP)
        self._environment = environment
        self._config_hash = config_hash
        self._build = build
        self._serves = {"queues": dict(queues), "tasks": list(tasks)}
        self._clock = clock
        self._watch = workers.LeaseWatch(seconds)
        self._lock: int | None = None
        self._renewed = clock()
        self._turn = threading.Lock()
        self.seconds = seconds
        self.worker_id = ""
        self.lost = False
        """Whether somebody has taken it away; `register` begins another."""

    def register(self) -> None:
        """Begin a lease under a fresh id, its file lock taken first. Raises Unavailable."""
        self._drop_lock()
        worker_id = new_token()
        self._lock = hostlock.acquire(hostlock.path_of(self._state, worker_id), str(os.getpid()))
        me = workers.Worker(
            worker_id,
            socket.gethostname(),
            boot_id(),
            os.getpid(),
            connector.__version__,
            self._serves,
            self.seconds,
            self._environment,
            self._build,
            self._config_hash,
        )
        begun = self._clock()
        with self._turn:
            self.worker_id = worker_id
            self._database.run(workers.register, me, self._steps)
            self._renewed, self.lost = begun, False

    @property
    def due(self) -> float:
        """Monotonic time of the next beat."""
        return self._renewed + self.seconds / BEATS

    @property
    def lapsed(self) -> bool:
        """Whether others may have taken it away: no beat has got through for its whole time."""
        return self._clock() - self._renewed >= self.seconds

    def beat(self) -> None:
        """Renew the lease, or learn that it is `lost`. Raises Unavailable.

        It counts from before it was sent: only a beat that was confirmed in time is one.
        """
        with self._turn:
            begun = self._clock()
            if self.lost:
                return
            if self._beats.run(workers.beat, self.worker_id):
                self._renewed = begun
            else:
                self.lost = True

    def rescue_others(self) -> list[str]:
        """Hand back what workers with lapsed leases held. Returns tokens. Raises Unavailable."""
        beats = self._database.read(workers.beats)
        beats.pop(self.worker_id, None)
        for worker_id, beat in self._watch.lapsed(self._clock(), beats).items():
            if self._database.run(workers.evict, worker_id, beat):
                _log.warning("lease of another worker has lapsed", worker=worker_id)
        return workers.rescue(self._database, f"worker {self.worker_id}")

    def end(self) -> None:
        """Give the lease back and let go of the lock. Raises Unavailable."""
        try:
            self._database.run(workers.retire, self.worker_id)
        finally:
            self._drop_lock()

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            hostlock.path_of(self._state, self.worker_id).unlink(missing_ok=True)
