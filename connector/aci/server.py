"""Entry of an http process: `python -m connector.aci.server`, started by the supervisor."""

import argparse
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from connector import log
from connector.aci.access import Access
from connector.aci.app import application
from connector.aci.protocol import BoundedProtocol
from connector.actions.registry import actions
from connector.config import Settings
from connector.process import beat, die_with_parent, open_database, received_settings

KEEP_ALIVE = 75
"""Seconds an idle connection is kept: longer than clients and proxies keep it, so they close."""

GRACE = 3
"""Seconds that requests under way have when the server ends."""


def main() -> None:
    """Serve on the inherited socket until SIGTERM or the supervisor's death."""
    arguments = argparse.ArgumentParser()
    for name in ("settings-fd", "listen-fd", "beat-fd", "parent"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    given = arguments.parse_args()
    settings = begin(given)
    access = opened(settings)
    known = actions(settings, lambda: open_database(settings, "http"))
    with socket.socket(fileno=given.listen_fd) as listener:
        serve(application(settings, access, known), [listener], lambda: beat(given.beat_fd))
    access.close()


def begin(given: argparse.Namespace) -> Settings:
    """Do what an http process does first, and return its settings."""
    die_with_parent(signal.SIGTERM, given.parent)
    settings = received_settings(given.settings_fd)
    log.configure(settings.logging, "http")
    return settings


def opened(settings: Settings) -> Access:
    """Return the access that an http process has to the queue."""
    patience = settings.server.answer_seconds / 4
    return Access(open_database(settings, "http", patience=patience), settings)


def serve(
    app: ASGIApp, listeners: Sequence[socket.socket], each_second: Callable[[], None]
) -> None:
    """Serve an application on sockets that listen, until SIGTERM."""

    async def notify() -> None:
        each_second()

    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        timeout_notify=1,
        callback_notify=notify,
    )
    _Server(config).run(sockets=list(listeners))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal anew when it has ended, which would look like a failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        yield

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True


if __name__ == "__main__":
    main()
