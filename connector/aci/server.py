"""Entry of an http process: `python -m connector.aci.server`, started by the supervisor."""

import argparse
import gc
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from connector import log
from connector.aci.access import Access
from connector.aci.app import application
from connector.aci.listeners import Listeners
from connector.aci.protocol import Bounds, bounded
from connector.aci.refusals import Refusals
from connector.aci.tls import Certificates
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
    known = actions(settings, lambda kind="http": open_database(settings, "http"))
    refusals = Refusals()
    listeners = Listeners(settings, access, known)
    app = application(settings, access, known, refusals, listeners)
    with socket.socket(fileno=given.listen_fd) as listener:
        serve(app, settings, refusals, [listener], lambda: beat(given.beat_fd), listeners.close)
    access.close()


def begin(given: argparse.Namespace) -> Settings:
    """Do what an http process does first, and return its settings."""
    die_with_parent(signal.SIGTERM, given.parent)
    settings = received_settings(given.settings_fd)
    log.configure(settings.logging, "http")
    _have_files_enough()
    return settings


def opened(settings: Settings) -> Access:
    """Return the access that an http process has to the queue."""
    patience = settings.server.answer_seconds / 4
    return Access(open_database(settings, "http", patience=patience), settings)


def serve(
    app: ASGIApp,
    settings: Settings,
    refusals: Refusals,
    listeners: Sequence[socket.socket],
    each_second: Callable[[], None],
    at_end: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application on sockets that listen, over TLS if so configured, until SIGTERM.

    `at_end` has answers end that would go on for ever.
    """
    certificates = Certificates(settings.ssl) if settings.ssl.ssl_certificate else None

    async def notify() -> None:
        each_second()
        if certificates is not None:
            certificates.refresh()

    config = uvicorn.Config(
        app,
        http=bounded(Bounds.of(settings.server), refusals),
        ssl_context_factory=_factory(certificates),
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
    # What is loaded stays: to look through it again and again would only hold up answers.
    gc.freeze()
    gc.set_threshold(5_000, 5, 20)
    _Server(config, at_end).run(sockets=list(listeners))


def _factory(certificates: Certificates | None) -> Callable[..., ssl.SSLContext] | None:
    return None if certificates is None else lambda config, usual: certificates.context


def _have_files_enough() -> None:
    """Let this process have as many connections open as the host allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._at_end = at_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._at_end()
        await super().shutdown(sockets)

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
