"""The supervisor: starts http and worker processes, watches them, ends them; runs no job itself."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from connector import board, log
from connector.board.metrics import Metric
from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import DatabaseError, Unavailable
from connector.process import (
    OTHER_BUILD,
    REAPED,
    adopt_orphans,
    kill_orphans,
    kill_tree,
    last_beat,
    restart_pause,
    spawn,
    tell_service_manager,
)
from connector.worker import hostlock
from connector.worker.child import Child, Service

_log = log.logger(__name__)

STEADY = 2.0
"""Seconds after which a child counts as well started, and its next restart is at once."""

FROZEN = 0.7
"""Part of a lease without a beat after which a child is killed: before others may take over."""

STARTING = 60.0
"""Seconds that a child has for its first beat: until then it holds no lease."""

HTTP_FROZEN = 5.0
"""Seconds without a beat that an http process has at least: it holds no lease."""


class Supervisor:
    """All processes of one server on one host.

    `listener`: the listening socket for http processes, or None for workers alone. `service`: what
    they need for the service port, or None for none.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        listener: socket.socket | None,
        service: Service | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._listener = listener
        self._service = service
        self._state = hostlock.folder(settings.paths.data_directory)
        self._children: list[Child] = []
        if listener is not None:
            for number in range(settings.server.http_processes):
                self._children.append(Child(f"http {number + 1}", self._start_http))
        for number in range(settings.server.workers):
            self._children.append(Child(f"worker {number + 1}", self._start_worker, leases=True))
        self._ours, self._theirs = socket.socketpair()
        self._signals = 0
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
            if child.process is None and now >= child.start_at:
                self._begin(child, now)
            self._kill_frozen(child, now)
        kill_orphans(self._pids())
        if self._rescue:
            self._release_dead()
        if not self._ready and all(child.begun for child in self._children):
            self._ready = True
            tell_service_manager("READY=1")
        tell_service_manager("WATCHDOG=1")
        self._rest(0.5 if self._rescue or not self._ready else 1.0)

    def _asked_to_end(self, *_: object) -> None:
        self._signals += 1

    def _begin(self, child: Child, now: float) -> None:
        try:
            child.process, child.beats = child.start(child.name)
        except OSError as error:
            child.failures += 1
            child.start_at = now + max(0.25, restart_pause(child.failures))
            _log.error("process cannot be started", child=child.name, error=str(error))
            return
        child.pidfd = os.pidfd_open(child.process.pid)
        child.started = child.heard = now
        child.begun = False
        board.count(Metric.STARTS, child.name)

    def _bury(self, child: Child, now: float) -> None:
        if child.process is None or (status := child.process.poll()) is None:
            return
        child.close()
        child.process = None
        child.failures = 0 if now - child.started > STEADY else child.failures + 1
        pause = restart_pause(child.failures)
        child.start_at = now + pause
        self._rescue = True
        if status == OTHER_BUILD:
            _log.error("the program's files were replaced: ending, to be started anew")
            self.status = OTHER_BUILD
            child.start_at = float("inf")
            return
        _log.error("process ended unexpectedly", child=child.name, status=status, restart_in=pause)

    def _kill_frozen(self, child: Child, now: float) -> None:
        if child.beats is None or child.process is None:
            return
        if (beat := last_beat(child.beats)) is not None:
            child.heard, child.begun = beat, True
        if now >= self._frozen_at(child):
            _log.error("process does not move: killed with all it started", child=child.name)
            board.count(Metric.FROZEN, child.name)
            kill_tree(child.process.pid)
            child.heard = now

    def _frozen_at(self, child: Child) -> float:
        """Return when a child counts as frozen, unless it is heard of before."""
        if child.process is None or child.beats is None:
            return float("inf")
        if not child.begun:
            return child.started + STARTING
        limit = FROZEN * self._settings.worker.lease_seconds
        return child.heard + (limit if child.leases else max(limit, HTTP_FROZEN))

    def _release_dead(self) -> None:
        try:
            tokens = hostlock.release_dead(
                self._database, self._state, socket.gethostname(), "supervisor"
            )
        except Unavailable as error:
            _log.warning("database is away", error=str(error))
            return
        except (DatabaseError, DBAPIError, OSError) as error:
            said = str(error).partition("\n")[0]
            _log.error("cannot hand back what dead workers held", error=said)
            return
        self._rescue = False
        if tokens:
            _log.warning("handed back what dead workers held", tokens=tokens)

    def _rest(self, longest: float) -> None:
        """Wait for news, or until the next child may have to be killed or started."""
        now = time.monotonic()
        due = [self._frozen_at(child) for child in self._children]
        due += [child.start_at for child in self._children if child.process is None]
        self._wait(max(0.01, min(longest, min(due, default=float("inf")) - now)))

    def _wait(self, seconds: float) -> None:
        with selectors.PollSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            for child in self._children:
                if child.pidfd is not None:
                    selector.register(child.pidfd, selectors.EVENT_READ)
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
        for kind, seconds in (("http", 5.0), ("worker", longest)):
            self._end([c for c in self._children if c.name.startswith(kind)], seconds)
        kill_orphans(set())
        self._release_dead()

    def _end(self, children: list[Child], seconds: float) -> None:
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
            child.process = None

    def _pids(self) -> set[int]:
        return {child.process.pid for child in self._children if child.process is not None}

    def _start_http(self, name: str) -> tuple[subprocess.Popen[bytes], int | None]:
        assert self._listener is not None, "http processes are started only with a listener"
        descriptor = self._listener.fileno()
        arguments = ["--listen-fd", str(descriptor)]
        if self._service is None:
            return self._start(name, "connector.aci.server", arguments, descriptor)
        second = self._service.listener.fileno()
        arguments += ["--service-fd", str(second), "--config", self._service.config]
        return self._start(name, "connector.service.server", arguments, descriptor, second)

    def _start_worker(self, name: str) -> tuple[subprocess.Popen[bytes], int | None]:
        return self._start(name, "connector.worker.start", [])

    def _start(
        self, name: str, module: str, arguments: list[str], *descriptors: int
    ) -> tuple[subprocess.Popen[bytes], int]:
        """Start a child, and return it with the pipe on which it shows that it moves."""
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        os.set_blocking(theirs, False)
        try:
            arguments += ["--beat-fd", str(theirs), "--parent", str(os.getpid())]
            settings = self._settings.for_process(name.partition(" ")[0])
            return spawn(module, settings, arguments, [theirs, *descriptors], name), ours
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
