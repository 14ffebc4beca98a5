"""Where a run goes on: what is stored with each page, in the same transaction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a room a walk is. A walk goes from the newest message down to a bound."""

    room_id: str
    last_activity: str | None
    """The room's lastActivity when the walk began: what came later is for the next run."""
    bound: str
    """Messages written before this are left alone."""
    newest: str | None
    """When the newest message of the room was written."""
    cursor: str | None = None
    """Id of the last message done; the walk goes on below it."""
    upper: str | None = None
    """When that was written."""
    edge: tuple[str, ...] = ()
    """References of what was written just then: another page may hold more of that moment."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run is in its task."""

    sweep_from: str | None
    """Messages written since are read again, to find edits and deletions; None: no sweep."""
    page: int = 0
    """Number of the last page delivered."""
    place: Place | None = None
    """Where in the room under way, if one is."""
    failed_rooms: tuple[str, ...] = ()
    """Rooms that this run has given up."""
    away_since: str | None = None
    """Since when Webex has been out of reach; None while it answers."""

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "Checkpoint":
        """Read what `dump` gave."""
        place = values.get("place")
        if place is not None:
            place = Place(**{**place, "edge": tuple(place["edge"])})
        return cls(**{**values, "place": place, "failed_rooms": tuple(values["failed_rooms"])})

    def dump(self) -> dict[str, Any]:
        """Return what is stored, as JSON values."""
        return asdict(self)
