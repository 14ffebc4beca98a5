"""Entry of an http process with a service port: `python -m connector.service.server`."""

import argparse
import contextlib
import os
import signal
import socket
import time

from connector.aci.app import application
from connector.aci.keys import KeyRing
from connector.aci.listeners import Listeners
from connector.aci.refusals import Refusals
from connector.aci.server import begin, opened, serve
from connector.actions.registry import actions
from connector.process import beat, board_options, join_board, open_database
from connector.service.app import Ports, service
from connector.service.host import Host


def main() -> None:
    """Serve on the inherited sockets until SIGTERM or the supervisor's death."""
    arguments = argparse.ArgumentParser()
    for name in ("settings-fd", "listen-fd", "service-fd", "beat-fd", "parent"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    arguments.add_argument("--config", default="")
    board_options(arguments)
    given = arguments.parse_args()
    settings = begin(given)
    join_board(given)
    access = opened(settings)
    known = actions(settings, lambda kind="http": open_database(settings, "http"))
    with contextlib.ExitStack() as stack:
        stack.callback(access.close)
        first, second = (
            stack.enter_context(socket.socket(fileno=descriptor))
            for descriptor in (given.listen_fd, given.service_fd)
        )
        ports = (int(first.getsockname()[1]), int(second.getsockname()[1]))
        host = Host(settings, access, known, given.config, ports, lambda: _end_server(given.parent))

        def each_second() -> None:
            beat(given.beat_fd)
            host.sample(time.monotonic())

        refusals, listeners = Refusals(), Listeners(settings, access, known)
        app = Ports(
            {
                ports[0]: application(settings, access, known, refusals, listeners),
                ports[1]: service(host, KeyRing(access.keys), refusals),
            }
        )
        serve(app, settings, refusals, (first, second), each_second, listeners.close)


def _end_server(supervisor: int) -> None:
    """Ask the supervisor, our parent, to end everything in order."""
    if os.getppid() == supervisor:
        os.kill(supervisor, signal.SIGTERM)


if __name__ == "__main__":
    main()
