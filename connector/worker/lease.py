"""A worker's lease: its row, its file lock, and the rescue of what others have lost."""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import connector
from connector import log
from connector.db.engine import Database
from connector.jobs import workers
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.submit import AGEING_STEP
from connector.jobs.token import new_token
from connector.process import boot_id
from connector.worker import hostlock
from connector.worker.beats import Beats

_log = log.logger(__name__)


class Lease:
    """The lease of one worker. Whoever has lost it must end its runs at once.

    `queues`: what it serves, each with its limit; `tasks`: the fetch tasks it knows; `steps`: what
    a point of priority is worth in each queue; `environment`: the deployment it works for;
    `beats`: the database on a connection of its own, so that a beat waits for nothing else;
    `schedules`: the tasks that it knows a schedule of.
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
        schedules: Sequence[str] = (),
        outbox: Outbox = NOBODY,
    ) -> None:
        self._database = database
        self._beating = beats or database
        self._beats: Beats | None = None
        self._state = state
        self._steps = steps or dict.fromkeys(queues, AGEING_STEP)
        self._environment = environment
        self._config_hash = config_hash
        self._build = build
        self._serves = {"queues": dict(queues), "tasks": list(tasks), "schedules": list(schedules)}
        self._clock = clock
        self._outbox = outbox
        self._watch = workers.LeaseWatch(seconds)
        self._lock: int | None = None
        self.seconds = seconds
        self.worker_id = ""
        self.tell: Callable[[], None] = lambda: None
        """Called, in another thread, when the lease was taken away."""

    def register(self) -> None:
        """Begin a lease under a fresh id, its file lock taken first. Raises Unavailable.

        One that was lost is given up first, so that what it held can be rescued at once.
        """
        self.drop()
        if self.worker_id:
            self._database.run(workers.retire, self.worker_id)
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
        self.worker_id = worker_id
        # Made before the row is, since the lease counts from then.
        beats = Beats(self._beating, worker_id, self.seconds, lambda: self.tell(), self._clock)
        self._database.run(workers.register, me, self._steps)
        beats.start()
        self._beats = beats

    def moved(self) -> None:
        """Take note that the worker's loop goes round: without that the beats end."""
        if self._beats is not None:
            self._beats.moved()

    @property
    def lost(self) -> bool:
        """Whether there is none, or others may have taken it away."""
        return self._beats is None or self._beats.lost

    @property
    def lapses_at(self) -> float:
        """Monotonic time at which it is lost, unless a beat is confirmed before."""
        return float("inf") if self._beats is None else self._beats.lapses_at

    def drop(self, wait: float = 0.0) -> None:
        """Beat no more, and have no lease; a beat under way is waited for so many seconds."""
        if self._beats is not None:
            self._beats.stop(wait)
            self._beats = None

    def rescue_others(
        self, most: int, moved: Callable[[], None], closely: bool = True
    ) -> list[str]:
        """Hand back what workers with lapsed leases held, some `most` jobs at a time.

        `moved` is called between transactions; `closely`: also what is held by workers whose lease
        somebody else took away, who may not have come to hand it back. Returns tokens. Raises
        Unavailable.
        """
        beats = self._database.read(workers.beats)
        beats.pop(self.worker_id, None)
        for worker_id, beat in self._watch.lapsed(self._clock(), beats).items():
            if self._database.run(workers.evict, worker_id, beat):
                closely = True
                _log.warning("lease of another worker has lapsed", worker=worker_id)
        if not closely:
            return []
        by = f"worker {self.worker_id}"
        return workers.rescue(self._database, by, most, moved, self._outbox)

    def look_again(self, now: float) -> float:
        """Return when to look at the other workers next: also when the lease of one may lapse."""
        return min(now + self.seconds / 3, self._watch.next(self._clock()))

    def end(self) -> None:
        """Give the lease back and let go of the lock. Raises Unavailable.

        If it cannot be given back, the lock's file stays: by it others on this host know, without
        waiting for the lease to lapse, that nobody is behind it.
        """
        self.drop(wait=1.0)
        self._database.run(workers.retire, self.worker_id)
        self._drop_lock()

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            hostlock.path_of(self._state, self.worker_id).unlink(missing_ok=True)
