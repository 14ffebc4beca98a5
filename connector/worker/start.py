"""Entry of a worker process: `python -m connector.worker.start`, started by the supervisor."""

import argparse
import gc
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connector import log
from connector.actions.registry import actions
from connector.config import Settings
from connector.db.errors import DatabaseError
from connector.process import (
    OTHER_BUILD,
    adopt_orphans,
    beat,
    board_options,
    build_id,
    die_with_parent,
    join_board,
    open_database,
    received_settings,
)
from connector.worker.slots import Slot

if TYPE_CHECKING:
    from connector.worker.worker import Worker

_log = log.logger(__name__)

STATEMENT = 0.3
"""Part of a lease that one statement of a worker may take."""

YOUNG = 50_000
"""Objects made and not dropped after which the garbage collector looks at them: as many as belong
to the actions that a worker has in hand, and that it would find alive."""


def main() -> None:
    """Run one worker until SIGTERM or the supervisor's death."""
    arguments = argparse.ArgumentParser()
    for name in ("settings-fd", "beat-fd", "leave-fd", "parent"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    arguments.add_argument("--ahead", action="store_true")
    board_options(arguments)
    given = arguments.parse_args()
    die_with_parent(signal.SIGTERM, given.parent)
    adopt_orphans()
    gc.disable()  # what is loaded stays: to look through it again and again only takes time
    if given.ahead:
        _wait(given.leave_fd)
    settings = received_settings(given.settings_fd)
    log.configure(settings.logging, "worker")
    join_board(given)
    slots = _first_slot(settings)
    _load(settings)
    gc.freeze()
    gc.set_threshold(YOUNG, 5, 20)
    gc.enable()
    _wait(given.leave_fd)
    os.close(given.leave_fd)
    worker = build(settings, lambda: beat(given.beat_fd), slots)

    def end(*_: object) -> None:
        worker.shutdown()
        if os.getppid() != given.parent:
            worker.shutdown()  # the supervisor has died: another may be at its place already

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        worker.run()
    except (DatabaseError, OSError) as error:
        # The supervisor starts another one, after a pause that grows.
        _log.error("worker cannot work", error=str(error))
        raise SystemExit(1) from None
    if worker.other_build:
        raise SystemExit(OTHER_BUILD)


def _load(settings: Settings) -> None:
    """Import what takes long: SQLAlchemy, and what it uses for the database of the settings."""
    import connector.worker.worker

    if settings.handlers:
        import connector.worker.delivering  # noqa: F401
    open_database(settings, "worker").close()


def _wait(descriptor: int) -> None:
    """Wait until the supervisor has told the settings, or that we may begin; end if it never will.

    Settings come in a file of their own, and only for a worker that was started ahead of them.
    """
    if not os.read(descriptor, 1):
        raise SystemExit(0)


def _first_slot(settings: Settings) -> list[Slot]:
    """Start a slot, which begins while this process still imports."""
    try:
        return [Slot.start(settings, time.monotonic())]
    except OSError:
        return []  # tried again, and told, by whoever keeps their number


def build(settings: Settings, tell: Callable[[], None], slots: Sequence[Slot] = ()) -> "Worker":
    """Put a worker together from its settings, and slots that have been started already."""
    from connector.actions.events import outbox_of
    from connector.worker import hostlock
    from connector.worker.lease import Lease
    from connector.worker.scheduling import configured
    from connector.worker.worker import Worker

    # A statement that takes longer is given up: the loop must go round well within the lease.
    # A lock is waited for less: 1 s on MariaDB, which counts in whole ones.
    seconds = min(5.0, max(1.3, STATEMENT * settings.worker.lease_seconds))
    database = open_database(settings, "worker", statement_seconds=seconds)
    beats = open_database(settings, "beats", statement_seconds=seconds)
    known = actions(settings, lambda kind="slot": open_database(settings, kind))
    queues = {name: settings.queue(name).maximum_threads for name in known}
    tasks = [task.name for task in settings.tasks]
    state = hostlock.folder(settings.paths.data_directory)
    lease = Lease(
        database,
        state,
        settings.worker.lease_seconds,
        queues,
        tasks,
        {name: settings.queue(name).ageing_step_seconds for name in known},
        beats,
        settings.server.environment or None,
        settings.hash,
        build_id(),
        schedules=configured(settings),
        outbox=outbox_of(settings),
    )
    deliverer = None
    if settings.handlers:
        from connector.worker.delivering import Deliverer

        deliverer = Deliverer(open_database(settings, "events"), settings)
    return Worker(settings, known, database, lease, tell, slots, deliverer)


if __name__ == "__main__":
    main()
