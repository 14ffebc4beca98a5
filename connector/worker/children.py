"""The child processes of a supervisor: started, watched, ended; it needs no database.

A worker loads what it runs on as soon as it is started, and begins when it is told to: so that it
loads while the supervisor still looks whether it may.
"""

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace

from connector import board, log
from connector.board.metrics import Metric
from connector.config import Settings
from connector.launch import TOLD, WORKER, Ahead
from connector.process import last_beat, restart_pause, spawn, tell

_log = log.logger(__name__)

STEADY = 2.0
"""Seconds after which a child counts as well started, and its next restart is at once."""

FROZEN = 0.7
"""Part of a lease without a beat after which a child is killed: before others may take over."""

HTTP_FROZEN = 5.0
"""Seconds without a beat that an http process has at least: it holds no lease."""

STARTING = 60.0
"""Seconds that a child has for its first beat: until then it holds no lease."""


@dataclass(frozen=True, slots=True)
class Service:
    """The service port: its listening socket, and the configuration file, to be checked again."""

    listener: socket.socket
    config: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A process, the pipe on which it shows that it moves, and the one that lets it begin."""

    process: subprocess.Popen[bytes]
    beats: int
    leave: int | None = None


@dataclass(slots=True, eq=False)
class Child:
    """A place for one child process: what to start in it, and what is in it now."""

    name: str
    start: Callable[[], Started]
    silence: float
    """Seconds without a beat after which it counts as frozen."""
    process: subprocess.Popen[bytes] | None = None
    beats: int | None = None
    leave: int | None = None
    """While it waits to be told: the pipe that tells it to begin."""
    pidfd: int | None = None
    started: float = 0.0
    heard: float = 0.0
    begun: bool = False
    """Whether it has shown that it moves."""
    failures: int = 0
    start_at: float = 0.0

    def load(self) -> None:
        """Start the process. Raises OSError."""
        started = self.start()
        self.process, self.beats, self.leave = started.process, started.beats, started.leave
        self.pidfd = os.pidfd_open(self.process.pid)
        self.begun = False
        board.count(Metric.STARTS, self.name)

    def begin(self, now: float) -> None:
        """Start the process if there is none, and let it begin; tried again if that fails."""
        try:
            if self.process is None:
                self.load()
        except OSError as error:
            self.failures += 1
            self.start_at = now + max(0.25, restart_pause(self.failures))
            _log.error("process cannot be started", child=self.name, error=str(error))
            return
        self.started = self.heard = now
        if self.leave is not None:
            with contextlib.suppress(BrokenPipeError):  # it has died: that is seen elsewhere
                os.write(self.leave, TOLD)
            os.close(self.leave)
            self.leave = None

    def dismiss(self) -> None:
        """End a process that waits for leave and is not to get it."""
        if self.process is not None and self.leave is not None:
            process = self.process
            self.close()
            process.wait()

    def ended(self, now: float) -> int | None:
        """Return the status of a process that has ended, once, and say when it starts again."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.close()
        self.failures = 0 if now - self.started > STEADY else self.failures + 1
        self.start_at = now + restart_pause(self.failures)
        return status

    def listen(self) -> None:
        """Take in what it has shown since."""
        if self.beats is not None and (beat := last_beat(self.beats)) is not None:
            self.heard, self.begun = beat, True

    def frozen_at(self) -> float:
        """Return when it counts as frozen, unless it is heard of before."""
        if self.process is None or self.leave is not None:
            return float("inf")
        return self.heard + self.silence if self.begun else self.started + STARTING

    def close(self) -> None:
        """Forget a process that has ended."""
        for descriptor in (self.pidfd, self.beats, self.leave):
            if descriptor is not None:
                os.close(descriptor)
        self.process = self.pidfd = self.beats = self.leave = None


def worker(settings: Settings, number: int, ahead: Ahead | None = None) -> Child:
    """Return the place for a worker; `ahead`: one that loads already, to be the first in it."""
    name = f"worker {number}"

    def start() -> Started:
        if ahead is not None and ahead.take():
            tell(ahead, settings.for_process("worker"))
            return Started(ahead.process, ahead.beats, ahead.leave)
        waits, leave = os.pipe()
        try:
            given = ["--leave-fd", str(waits)]
            child = _start(settings, name, WORKER, given, [waits])
        except BaseException:
            os.close(leave)
            raise
        finally:
            os.close(waits)
        return replace(child, leave=leave)

    return Child(name, start, FROZEN * settings.worker.lease_seconds)


def http(
    settings: Settings, number: int, listener: socket.socket, service: Service | None = None
) -> Child:
    """Return the place for an http process that serves on sockets which listen."""
    name = f"http {number}"

    def start() -> Started:
        given, sockets = ["--listen-fd", str(listener.fileno())], [listener.fileno()]
        if service is None:
            return _start(settings, name, "connector.aci.server", given, sockets)
        given += ["--service-fd", str(service.listener.fileno()), "--config", service.config]
        sockets.append(service.listener.fileno())
        return _start(settings, name, "connector.service.server", given, sockets)

    silence = max(HTTP_FROZEN, FROZEN * settings.worker.lease_seconds)
    return Child(name, start, silence)


def _start(
    settings: Settings, name: str, module: str, arguments: list[str], descriptors: list[int]
) -> Started:
    """Start a process of the kind that its name begins with; it gets a pipe for its beats."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    beats = ["--beat-fd", str(theirs), "--parent", str(os.getpid())]
    own = settings.for_process(name.partition(" ")[0])
    try:
        return Started(
            spawn(module, own, [*arguments, *beats], [theirs, *descriptors], place=name), ours
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
