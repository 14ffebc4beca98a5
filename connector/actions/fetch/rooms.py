"""Which rooms a task takes, and which of them a run has to walk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.actions.fetch.checkpoint import Place
from connector.config import TaskSettings
from connector.datastore.content import WalkedRoom
from connector.webex.client import WebexClient
from connector.webex.errors import Forbidden, NotFound
from connector.webex.models import Room


@dataclass(frozen=True, slots=True)
class Listed:
    """The rooms of a task, and those its settings name that cannot be had, with the reason."""

    rooms: tuple[Room, ...]
    missing: Mapping[str, str]


def listed(client: WebexClient, task: TaskSettings) -> Listed:
    """Ask Webex for the rooms of a task. Raises WebexError."""
    missing: dict[str, str] = {}
    rooms = tuple(
        room
        for room in _asked(client, task, missing)
        if room.id not in task.exclude_room_ids and task.room_types in ("all", room.type)
    )
    return Listed(rooms, missing)


def _asked(client: WebexClient, task: TaskSettings, missing: dict[str, str]) -> Iterator[Room]:
    if not task.room_ids:
        for page in client.rooms():
            yield from page
        return
    for id in task.room_ids:
        try:
            yield client.room(id)
        except (NotFound, Forbidden) as error:
            missing[id] = str(error)


def place(
    room: Room, walked: WalkedRoom | None, sweep_from: str | None, earliest: str
) -> Place | None:
    """Return where a walk of the room begins and ends, or None if there is nothing to walk.

    A room whose lastActivity stands still has no new message. Edits and deletions leave it where
    it is (not documented; seen so), so what was written since `sweep_from` is read again.
    """
    moved = (
        walked is None or room.last_activity is None or room.last_activity != walked.last_activity
    )
    newest = walked.newest if walked is not None else None
    if newest is None:
        return Place(room.id, room.last_activity, earliest, None) if moved else None
    bounds = [newest] if moved else []
    if sweep_from is not None and (moved or newest >= sweep_from):
        bounds.append(sweep_from)
    if not bounds:
        return None
    return Place(room.id, room.last_activity, max(min(bounds), earliest), newest)
