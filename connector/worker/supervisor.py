"""The supervisor: starts http and worker processes, watches them, ends them; runs no job itself."""

import contextlib
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from connector import board, log
from connector.actions.events import outbox_of
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import DatabaseError, Locked, Unavailable
from connector.process import (
    OTHER_BUILD,
    REAPED,
    adopt_orphans,
    kill_orphans,
    kill_tree,
    tell_service_manager,
)
from connector.worker import hostlock
from connector.worker.children import Child

_log = log.logger(__name__)

SWEEP = 15.0
"""Seconds between two looks for processes that nobody knows. What a child leaves behind comes when
that ends, and then is looked for at once; but to look goes through all processes of the host."""

HTTP_WAITS = 1.0
"""Seconds for which http leaves the processor to workers at the start: they go on with what runs.

Clients that come meanwhile wait in the queue of the listening socket.
"""


class Supervisor:
    """All processes of one server on one host.

    `http`, `workers`: the places for its processes; those that load already are let begin.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        http: Sequence[Child],
        workers: Sequence[Child],
    ) -> None:
        self._settings = settings
        self._database = database
        self._outbox = outbox_of(settings)
        self._state = hostlock.folder(settings.paths.data_directory)
        self._http = http
        self._workers = workers
        self._children = [*workers, *http]
        for child in http:
            child.start_at = time.monotonic() + HTTP_WAITS
        self._ours, self._theirs = socket.socketpair()
        self._signals = 0
        self._sweep_at = 0.0
        self._rescue = True
        self._ready = False
        self.status = 0
        """Exit status of the whole server: not 0 if it ended by itself, to be started anew."""

    def run(self, begun: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT, then end everything in order.

        `begun` is called once these signals end it in order.
        """
        adopt_orphans()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        try:
            begun()
            while not self._signals and not self.status:
                self.turn()
        finally:
            tell_service_manager("STOPPING=1")
            self._end_all()
            signal.set_wakeup_fd(-1)

    def turn(self) -> None:
        """Make one pass: bury, restart, look for frozen ones, rest."""
        now = time.monotonic()
        for child in self._children:
            self._bury(child, now)
            if (child.process is None or child.leave is not None) and now >= child.start_at:
                child.begin(now)
            self._kill_frozen(child, now)
        if self._rescue or now >= self._sweep_at:
            self._sweep_at = now + SWEEP
            kill_orphans(self._pids())
        if self._rescue:
            self._release_dead()
        if not self._ready:
            self._look_whether_ready()
        tell_service_manager("WATCHDOG=1")
        self._rest(0.5 if self._rescue or not self._ready else 1.0)

    def _asked_to_end(self, *_: object) -> None:
        self._signals += 1

    def _look_whether_ready(self) -> None:
        if all(child.begun for child in self._workers):
            for child in self._http:
                if not child.failures:
                    child.start_at = 0.0
        if all(child.begun for child in self._children):
            self._ready = True
            tell_service_manager("READY=1")

    def _bury(self, child: Child, now: float) -> None:
        if (status := child.ended(now)) is None:
            return
        self._rescue = True
        if status == OTHER_BUILD:
            _log.error("the program's files were replaced: ending, to be started anew")
            self.status = OTHER_BUILD
            child.start_at = float("inf")
            return
        pause = child.start_at - now
        _log.error("process ended unexpectedly", child=child.name, status=status, restart_in=pause)

    def _kill_frozen(self, child: Child, now: float) -> None:
        child.listen()
        if child.process is not None and now >= child.frozen_at():
            _log.error("process does not move: killed with all it started", child=child.name)
            board.count(Metric.FROZEN, child.name)
            kill_tree(child.process.pid)
            child.heard = now

    def _release_dead(self) -> None:
        try:
            tokens = hostlock.release_dead(
                self._database, self._state, socket.gethostname(), "supervisor", self._outbox
            )
        except Locked as error:
            _log.warning("a dead worker's lease is locked: tried again", error=str(error))
            return
        except Unavailable as error:
            _log.warning("database is away", error=str(error))
            return
        except (DatabaseError, DBAPIError, OSError) as error:
            said = str(error).partition("\n")[0]
            _log.error("cannot hand back what dead workers held", error=said)
            return
        self._rescue = bool(tokens)  # a batch at a time: there may be more
        if tokens:
            _log.warning("handed back what dead workers held", tokens=tokens)

    def _rest(self, longest: float) -> None:
        """Wait for news, or until the next child may have to be killed or started."""
        now = time.monotonic()
        due = [child.frozen_at() for child in self._children]
        due += [child.start_at for child in self._children if child.process is None]
        self._wait(max(0.01, min(longest, min(due, default=float("inf")) - now)))

    def _wait(self, seconds: float) -> None:
        with selectors.PollSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            for child in self._children:
                if child.pidfd is not None:
                    selector.register(child.pidfd, selectors.EVENT_READ)
                if child.beats is not None and not child.begun:
                    selector.register(child.beats, selectors.EVENT_READ)
            selector.select(seconds)
        try:
            self._ours.recv(4096)
        except BlockingIOError:
            pass

    def _end_all(self) -> None:
        """End http first, so that nothing new comes in, then workers; kill what does not end."""
        graces = [queue.grace_seconds for queue in self._settings.queues.values()]
        longest = max([*graces, self._settings.actions.grace_seconds]) + 7.0
        longest += self._settings.worker.shutdown_seconds
        self._end(self._http, 5.0)
        self._end(self._workers, longest)
        kill_orphans(set())
        self._release_dead()

    def _end(self, children: Sequence[Child], seconds: float) -> None:
        alive = [child for child in children if child.process is not None]
        for child in alive:
            if child.process is not None:
                child.process.terminate()
        deadline, asked = time.monotonic() + seconds, self._signals
        told = asked
        while alive and time.monotonic() < deadline and self._signals - asked < 2:
            self._wait(0.2)
            for child in list(alive):
                self._kill_frozen(child, time.monotonic())
                if told != self._signals and child.process is not None:
                    child.process.terminate()  # again: it may shorten what it waits for
                if child.process is not None and child.process.poll() is not None:
                    child.close()
                    alive.remove(child)
            told = self._signals
        for child in children:
            if child.process is None:
                continue
            if child.process.poll() is None:
                kill_tree(child.process.pid)
                with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel
                    child.process.wait(REAPED)
            child.close()

    def _pids(self) -> set[int]:
        return {child.process.pid for child in self._children if child.process is not None}
