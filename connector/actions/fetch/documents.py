"""Messages and files as documents."""

from collections.abc import Mapping
from typing import Literal

from connector.actions.fetch.comparison import Attached, file_reference
from connector.actions.fetch.downloads import Downloaded
from connector.ingest.document import Document
from connector.webex.models import Message, Person, Room

TITLE = 80
"""Characters of a message's first line that become its title."""

Op = Literal["add", "update"]


def message_document(
    op: Op, room: Room, message: Message, people: Mapping[str, Person]
) -> Document:
    """Return the document of a message; its content is the plain text."""
    text = message.text or ""
    first = text.strip().partition("\n")[0].strip()
    title = first if len(first) <= TITLE else first[: TITLE - 1] + "…"
    author = people.get(message.person_id or "")
    metadata = {
        "type": "message",
        **_room_facts(room),
        "author": author.display_name if author else None,
        "person_id": message.person_id,
        "person_email": message.person_email,
        "parent": message.parent_id,
        "created": message.created,
        "updated": message.updated,
        "markdown": message.markdown,
        "html": message.html,
        "mentioned_people": list(message.mentioned_people) or None,
        "mentioned_groups": list(message.mentioned_groups) or None,
        "files": [file_reference(url) for url in message.files] or None,
    }
    date = message.updated or message.created
    return Document(op, message.id, title or f"Message in {room.title}", text, date, metadata)


def file_document(op: Op, room: Room, file: Attached, got: Downloaded) -> Document:
    """Return the document of a file; its content is its text, if it has one."""
    message = file.message
    metadata = {
        "type": "file",
        **_room_facts(room),
        "message": message.id,
        "person_id": message.person_id,
        "person_email": message.person_email,
        "created": message.created,
        "content_type": got.content_type or None,
        "size": got.size,
        "sha256": got.sha256,
        "file": got.place,
        "left_out": got.left_out,
        "error": got.error,
    }
    return Document(op, file.reference, got.name or "file", got.text, message.created, metadata)


def deletion(room: Room, reference: str) -> Document:
    """Return the order to delete a document."""
    return Document("delete", reference, metadata={"room_id": room.id})


def _room_facts(room: Room) -> dict[str, str]:
    return {"room_id": room.id, "room_title": room.title, "room_type": room.type}
