"""Rooms, messages, people and files as Webex tells of them.

Field names are those of the published Webex OpenAPI files in Python's spelling. Fields not known
here are ignored; a missing field without which the object means nothing is a BadReply. Times stay
the ISO 8601 text that Webex sent, so that they can be given back to it unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from connector.webex.errors import BadReply


@dataclass(frozen=True, slots=True)
class Room:
    """A space. `type` is "direct" or "group"; `last_activity` moves with each new message."""

    id: str
    title: str
    type: str
    last_activity: str | None = None
    created: str | None = None
    team_id: str | None = None
    creator_id: str | None = None
    description: str | None = None
    is_locked: bool = False
    is_public: bool = False
    is_read_only: bool = False
    is_announcement_only: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read one item of GET /rooms. Raises BadReply without `id` or `type`."""
        return cls(
            id=_required(data, "id", "room"),
            title=_text(data, "title") or "",
            type=_required(data, "type", "room"),
            last_activity=_text(data, "lastActivity"),
            created=_text(data, "created"),
            team_id=_text(data, "teamId"),
            creator_id=_text(data, "creatorId"),
            description=_text(data, "description"),
            is_locked=data.get("isLocked") is True,
            is_public=data.get("isPublic") is True,
            is_read_only=data.get("isReadOnly") is True,
            is_announcement_only=data.get("isAnnouncementOnly") is True,
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `files` holds URLs for download; `updated` is there only after an edit."""

    id: str
    room_id: str
    room_type: str | None
    parent_id: str | None
    text: str | None
    markdown: str | None
    html: str | None
    files: tuple[str, ...]
    person_id: str | None
    person_email: str | None
    mentioned_people: tuple[str, ...]
    mentioned_groups: tuple[str, ...]
    created: str
    updated: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read one item of GET /messages. Raises BadReply without `id`, `roomId` or `created`."""
        return cls(
            id=_required(data, "id", "message"),
            room_id=_required(data, "roomId", "message"),
            room_type=_text(data, "roomType"),
            parent_id=_text(data, "parentId"),
            text=_text(data, "text"),
            markdown=_text(data, "markdown"),
            html=_text(data, "html"),
            files=_texts(data, "files"),
            person_id=_text(data, "personId"),
            person_email=_text(data, "personEmail"),
            mentioned_people=_texts(data, "mentionedPeople"),
            mentioned_groups=_texts(data, "mentionedGroups"),
            created=_required(data, "created", "message"),
            updated=_text(data, "updated"),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """A person, bot or machine account."""

    id: str
    display_name: str
    emails: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read one item of GET /people. Raises BadReply without `id`."""
        return cls(
            id=_required(data, "id", "person"),
            display_name=_text(data, "displayName") or "",
            emails=_texts(data, "emails"),
        )


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the headers of a download tell. `size` is in bytes, None when Webex does not say."""

    name: str
    content_type: str
    size: int | None


def moment(text: str) -> datetime:
    """An ISO 8601 time of Webex as an aware datetime in UTC. Raises BadReply if it is none."""
    try:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadReply(f"Webex sent a time that is not ISO 8601: {text[:60]!r}") from None


def _required(data: Mapping[str, object], field: str, kind: str) -> str:
    value = _text(data, field)
    if not value:
        raise BadReply(f"Webex sent a {kind} without a usable '{field}'")
    return value


def _text(data: Mapping[str, object], field: str) -> str | None:
    value = data.get(field)
    return _encodable(value) if isinstance(value, str) else None


def _texts(data: Mapping[str, object], field: str) -> tuple[str, ...]:
    values = data.get(field)
    if not isinstance(values, list):
        return ()
    return tuple(_encodable(value) for value in values if isinstance(value, str))


def _encodable(value: str) -> str:
    # JSON can spell half a surrogate pair, which no file or database takes.
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
