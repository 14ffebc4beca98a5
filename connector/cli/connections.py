"""How many connections one host has to the database at most: the formula that `check` prints."""

from collections.abc import Collection

from connector.config import Settings
from connector.process import CONNECTIONS


def formula(settings: Settings, queues: Collection[str], *, listens: bool) -> tuple[str, int]:
    """Return the sum in words, and what it comes to.

    `queues`: names of those that are served, each with its `MaximumThreads` slots in each worker;
    `listens`: whether each worker has a connection on which it hears of news.
    """
    server = settings.server
    slots = sum(settings.queue(name).maximum_threads for name in queues)
    own = CONNECTIONS["worker"] + CONNECTIONS["beats"] + int(listens)
    worker = own + slots * CONNECTIONS["slot"]
    total = (
        server.http_processes * CONNECTIONS["http"]
        + CONNECTIONS["supervisor"]
        + server.workers * worker
    )
    words = (
        f"{server.http_processes} http x {CONNECTIONS['http']} "
        f"+ supervisor {CONNECTIONS['supervisor']} "
        f"+ {server.workers} workers x ({own} + {slots} slots x {CONNECTIONS['slot']}) = {total}"
    )
    return words, total
