"""Synchronize: walk the rooms of a task and deliver what has changed since the last time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from connector.actions.action import Context
from connector.actions.fetch.counts import Counts
from connector.actions.fetch.delivery import Delivery
from connector.actions.fetch.downloads import Downloads
from connector.actions.fetch.journal import Journal
from connector.actions.fetch.people import People
from connector.actions.fetch.rooms import listed, place
from connector.actions.fetch.walk import Walk
from connector.config import Settings, TaskSettings
from connector.datastore.content import WalkedRoom
from connector.ingest.document import Run
from connector.ingest.targets import TARGETS
from connector.webex.client import WebexClient
from connector.webex.errors import NotFound, Unauthorised, Unavailable, WebexError
from connector.webex.models import Room


def synchronize(
    settings: Settings, task: TaskSettings, client: WebexClient, journal: Journal, context: Context
) -> Counts:
    """Walk a task to its end, from where this run left off; return the counts.

    Raises Unauthorised, Unavailable, TargetUnusable, HolderLost; what concerns one room alone is
    counted as an error.
    """
    if journal.complete:
        return journal.counts
    run = Run(task.name, context.token, context.attempt)
    target = TARGETS[task.ingester_type](task.ingest_directory)
    if journal.overtaken:
        journal.go_on_after(target.last_page(run))
    target.begin(run, journal.checkpoint.page)
    with _pool(settings.webex.download_threads) as pool, _pool(1) as ahead:
        downloads = Downloads(client, target, pool, task.max_file_size)
        delivery = Delivery(client, target, run, downloads, People(client))
        walk = Walk(client, journal, delivery, ahead, task.download_files)
        _rooms(task, client, journal, walk, context)
    journal.task_done()
    return journal.counts


def _rooms(
    task: TaskSettings, client: WebexClient, journal: Journal, walk: Walk, context: Context
) -> None:
    found = listed(client, task)
    for room_id, problem in found.missing.items():
        if room_id not in journal.checkpoint.failed_rooms:
            journal.room_failed(room_id, f"room {room_id}: {problem}")
    under_way = journal.checkpoint.place
    if under_way is not None and all(room.id != under_way.room_id for room in found.rooms):
        problem = "it was there when this run began to walk it, and is not listed any more"
        journal.room_failed(under_way.room_id, f"room {under_way.room_id}: {problem}")
    walked = journal.rooms()
    earliest = task.message_min_date.isoformat() if task.message_min_date else ""
    for number, room in enumerate(_in_order(found.rooms, journal)):
        for counts in _room(room, walked.get(room.id), earliest, journal, walk, context):
            _tell(context, number, len(found.rooms), counts)
        _tell(context, number + 1, len(found.rooms), journal.counts)


def _room(
    room: Room,
    walked: WalkedRoom | None,
    earliest: str,
    journal: Journal,
    walk: Walk,
    context: Context,
) -> Iterator[Counts]:
    """Walk a room if that is due; a failure of this room alone does not end the run."""
    checkpoint = journal.checkpoint
    if room.id in checkpoint.failed_rooms:
        return
    begin = checkpoint.place
    if begin is None or begin.room_id != room.id:
        if walked is not None and walked.walked_by == journal.token:
            return
        begin = place(room, walked, checkpoint.sweep_from, earliest)
    if begin is None:
        return
    try:
        yield from walk.room(room, begin)
    except (Unauthorised, Unavailable):
        raise
    except NotFound as error:
        if begin.cursor is not None and journal.checkpoint.place == begin:
            # The message that the walk was to go on below may be what is gone.
            journal.begin_again()
            yield from _room(room, walked, earliest, journal, walk, context)
            return
        _give_up(room, error, journal, context)
    except WebexError as error:
        _give_up(room, error, journal, context)


def _give_up(room: Room, error: WebexError, journal: Journal, context: Context) -> None:
    context.log.warning("room given up", room=room.id, title=room.title, why=str(error))
    journal.room_failed(room.id, f"room {room.title}: {error}")


def _in_order(rooms: tuple[Room, ...], journal: Journal) -> list[Room]:
    """Return the room under way first: pages are numbered as they were delivered."""
    place = journal.checkpoint.place
    return sorted(rooms, key=lambda room: place is None or room.id != place.room_id)


def _tell(context: Context, done: int, total: int, counts: Counts) -> None:
    context.progress(
        rooms_done=done, rooms_total=total, messages=counts.messages, files=counts.files
    )


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are not waited for when the block fails: a stop must not hang on a download."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
