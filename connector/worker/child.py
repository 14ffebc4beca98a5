"""What a supervisor knows of each process that it starts."""

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """The service port: its listening socket, and the configuration file, to be checked again."""

    listener: socket.socket
    config: str = ""


@dataclass(slots=True, eq=False)
class Child:
    """A place for one child process: what to start in it, and what is in it now."""

    name: str
    start: Callable[[str], tuple[subprocess.Popen[bytes], int | None]]
    """Takes the name."""
    leases: bool = False
    """Whether it holds a lease, which it must not outlive."""
    process: subprocess.Popen[bytes] | None = None
    beats: int | None = None
    pidfd: int | None = None
    started: float = 0.0
    heard: float = 0.0
    begun: bool = False
    """Whether it has shown that it moves."""
    failures: int = 0
    start_at: float = 0.0

    def close(self) -> None:
        """Let go of a process that has ended."""
        for descriptor in (self.pidfd, self.beats):
            if descriptor is not None:
                os.close(descriptor)
        self.pidfd = self.beats = None
