"""Entry of an http process: `python -m connector.aci.server`, started by the supervisor."""

import argparse
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from connector import log
from connector.aci.access import Access
from connector.aci.app import application
from connector.aci.protocol import Bounds, bounded
from connector.aci.refusals import Refusals
from connector.aci.tls import Certificates
from connector.actions.registry import actions
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
    die_with_parent(signal.SIGTERM, given.parent)
    settings = received_settings(given.settings_fd)
    log.configure(settings.logging, "http")
    database = open_database(settings, "http", patience=settings.server.answer_seconds / 4)
    access = Access(database, settings)
    known = actions(settings, lambda: open_database(settings, "http"))
    refusals = Refusals()
    certificates = Certificates(settings.ssl) if settings.ssl.ssl_certificate else None
    _have_files_enough()

    async def notify() -> None:
        beat(given.beat_fd)
        if certificates is not None:
            certificates.refresh()

    config = uvicorn.Config(
        application(settings, access, known, refusals),
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
    with socket.socket(fileno=given.listen_fd) as listener:
        _Server(config).run(sockets=[listener])
    access.close()


def _factory(certificates: Certificates | None) -> Callable[..., ssl.SSLContext] | None:
    return None if certificates is None else lambda config, usual: certificates.context


def _have_files_enough() -> None:
    """Let this process have as many connections open as the host allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
