"""How many connections one host has to the database at most: the formula that `check` prints."""

from collections.abc import Collection, Mapping

from connector.config import Settings
from connector.process import CONNECTIONS


def most(settings: Settings, queues: Collection[str], *, listens: bool) -> dict[str, int]:
    """Return the most connections that all processes of a kind on one host have together.

    `queues`: names of those whose actions use the database, each with its `MaximumThreads` slots
    in each worker; `listens`: whether each worker has a connection on which it hears of news.
    The kinds are those of `application_name`. A slot has none while it is idle.
    """
    workers = settings.server.workers
    slots = sum(settings.queue(name).maximum_threads for name in queues)
    return {
        "http": settings.server.http_processes * CONNECTIONS["http"],
        "supervisor": CONNECTIONS["supervisor"],
        "worker": workers * CONNECTIONS["worker"],
        "beats": workers * CONNECTIONS["beats"],
        "events": workers * CONNECTIONS["events"] if settings.handlers else 0,
        "listener": workers if listens else 0,
        "slot": workers * slots * CONNECTIONS["slot"],
    }


def formula(settings: Settings, counts: Mapping[str, int]) -> str:
    """Return the sum of what `most` has returned in words, as in `1 http x 5 + … = 10`."""
    processes, workers = settings.server.http_processes, settings.server.workers
    terms = [f"{processes} http x {CONNECTIONS['http']}", f"supervisor {counts['supervisor']}"]
    if workers:
        own = sum(counts[kind] for kind in ("worker", "beats", "events", "listener")) // workers
        slots = counts["slot"] // workers // CONNECTIONS["slot"]
        terms.append(f"{workers} workers x ({own} + {slots} slots x {CONNECTIONS['slot']})")
    return f"{' + '.join(terms)} = {sum(counts.values())}"
