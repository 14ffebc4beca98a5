"""Entry of a process that calls one event handler of an installed package, event by event.

Nothing it does can hold up the worker that has started it: `python -m connector.worker.calling`.
"""

import argparse
import os
import signal
import socket
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from connector.process import die_with_parent
from connector.worker.channel import Channel, Closed

GROUP = "webex_connector.event_handlers"
"""The entry-point group: name of a handler = function of the parameters and the event."""

Handler = Callable[[dict[str, Any], dict[str, Any]], object]


def main() -> None:
    """Call the handler until the worker ends the conversation."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--name", required=True)
    arguments.add_argument("--fd", type=int, required=True)
    arguments.add_argument("--parent", type=int, required=True)
    given = arguments.parse_args()
    die_with_parent(signal.SIGKILL, given.parent)
    os.dup2(2, 1)  # what a handler prints belongs into the log
    channel = Channel(socket.socket(fileno=given.fd))
    handler: Handler | None = None
    while True:
        try:
            message = channel.wait()
        except Closed:
            return
        try:
            handler = handler or _loaded(given.name)
            handler(message["request"], message["event"])
            channel.send({"type": "taken"})
        except Exception as error:
            channel.send({"type": "failed", "error": f"{type(error).__name__}: {error}"[:1000]})


def _loaded(name: str) -> Handler:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise LookupError(f"no installed package has an entry point {name!r} in {GROUP}")
    loaded: Handler = found[0].load()
    return loaded


if __name__ == "__main__":
    main()
