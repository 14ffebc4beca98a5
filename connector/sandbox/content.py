"""What is in the sandbox at its start: pure functions of the options and an index.

Messages are numbered from 0, oldest first, over all rooms. They come in rounds: each round gives
every room one message, in an order rotated by one from round to round, so that the room of a
message and its position there are computed, never looked up. Nothing is made before it is asked
for and nothing is kept, so a hundred thousand messages cost no more to hold than five.

Objects have the field names of the Webex API (its OpenAPI files, "messaging").
"""

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, TypeAlias

from connector.sandbox.files import File, make_file
from connector.sandbox.ids import Ids
from connector.sandbox.options import Options
from connector.sandbox.words import PEOPLE, SENTENCES, TITLES

Json: TypeAlias = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_FILES = 16
"""Files one message can have; numbers of files are message number * MAX_FILES + position."""

_THREAD = 7  # every 7th message of a room may be answered by the third and fifth after it
_CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [{"type": "TextBlock", "text": "Approve the release?"}],
        "actions": [{"type": "Action.Submit", "title": "Approve"}],
    },
}


def timestamp(milliseconds: int) -> str:
    """Milliseconds since 1970 as Webex writes a date: ``2026-10-01T12:30:00.000Z``."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def milliseconds(moment: datetime) -> int:
    """An aware date as whole milliseconds since 1970."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


class Content:
    """Rooms, people, messages and files by index; ``base_url`` only appears in files' addresses."""

    def __init__(self, options: Options, base_url: str) -> None:
        self.ids = Ids(options.seed)
        self.rooms = options.rooms
        self.messages = options.messages
        self.end = milliseconds(options.now)
        self._options = options
        self._base_url = base_url
        self._step = options.span // timedelta(milliseconds=1) // max(1, options.messages)
        self._people = [self.ids.encode("PEOPLE", index) for index in range(len(PEOPLE))]
        self._organization = self.ids.encode("ORGANIZATION", 0)

    def person(self, index: int) -> Json:
        """A person; 0 is the owner of the token."""
        first, last, mailbox = PEOPLE[index]
        return {
            "id": self._people[index],
            "emails": [f"{mailbox}@example.com"],
            "displayName": f"{first} {last}",
            "firstName": first,
            "lastName": last,
            "orgId": self._organization,
            "created": timestamp(self._room_created(0) - 3_600_000),
            "type": "person",
        }

    def room(self, room: int) -> Json:
        """A room, without its ``lastActivity``. Every third, from the second, is a direct one."""
        other = self._other(room)
        first, last, _ = PEOPLE[other]
        turn, title = divmod(room, len(TITLES))
        return {
            "id": self.ids.encode("ROOM", room),
            "title": f"{first} {last}" if other else TITLES[title] + (f" {turn + 1}" * (turn > 0)),
            "type": "direct" if other else "group",
            "isLocked": False,
            "creatorId": self._people[0 if other else room % len(PEOPLE)],
            "created": timestamp(self._room_created(room)),
            "ownerId": self._organization,
            "isPublic": False,
            "isReadOnly": False,
        }

    def size(self, room: int) -> int:
        """How many messages a room has."""
        rounds, rest = divmod(self.messages, self.rooms)
        return rounds + ((room - rounds) % self.rooms < rest)

    def locate(self, message: int) -> tuple[int, int]:
        """The room of a message and its position there, 0 being the oldest."""
        position = message // self.rooms
        return (message + position) % self.rooms, position

    def number(self, room: int, position: int) -> int:
        """The number of a room's message: the inverse of ``locate``."""
        return position * self.rooms + (room - position) % self.rooms

    def created(self, message: int) -> int:
        """When a message was written, in milliseconds; strictly increasing with its number."""
        age = (self.messages - 1 - message) * self._step
        return self.end - age - self._choice(message) % self._step

    def last_activity(self, room: int) -> int:
        """When the newest message of a room was written, or the room made; in milliseconds."""
        size = self.size(room)
        return self.created(self.number(room, size - 1)) if size else self._room_created(room)

    def file_count(self, message: int) -> int:
        """How many files a message has."""
        every = self._options.files
        return int(every > 0 and message % every == every - 1)

    def file(self, number: int) -> File:
        """The file of a number; types take turns."""
        message, position = divmod(number, MAX_FILES)
        turn = message // max(1, self._options.files) + position
        return make_file(turn, f"{self._options.seed}-{number}", self._options.file_size)

    def file_url(self, number: int) -> str:
        """Where a file is downloaded."""
        return f"{self._base_url}/contents/{self.ids.encode('CONTENT', number)}"

    def message(self, message: int) -> Json:
        """A message, complete."""
        room, position = self.locate(message)
        choice = self._choice(message) // self._step
        other = self._other(room)
        author = (0, other)[choice % 2] if other else choice % len(PEOPLE)
        made = self.frame(message, room, author, self.created(message))
        files = self.file_count(message)
        if position % _THREAD in (3, 5):
            root = self.number(room, position - position % _THREAD)
            made["parentId"] = self.ids.encode("MESSAGE", root)
        if files:
            made["files"] = [self.file_url(message * MAX_FILES + each) for each in range(files)]
        if not files or choice % 3:  # a file is often sent without a word
            self._say(made, message, choice, mention=not other and position % 5 == 2)
        if position % 50 == 6:
            made["attachments"] = [_CARD]
        if position % 11 == 4 and not files:  # Webex refuses to edit a message that has files
            made["updated"] = timestamp(self.created(message) + 1 + choice % self._step)
        return made

    def frame(self, message: int, room: int, author: int, created: int) -> Json:
        """The fields that every message has."""
        return {
            "id": self.ids.encode("MESSAGE", message),
            "roomId": self.ids.encode("ROOM", room),
            "roomType": "direct" if self._other(room) else "group",
            "personId": self._people[author],
            "personEmail": f"{PEOPLE[author][2]}@example.com",
            "created": timestamp(created),
        }

    def _say(self, made: Json, message: int, choice: int, *, mention: bool) -> None:
        first = SENTENCES[choice % len(SENTENCES)]
        second = SENTENCES[choice // 31 % len(SENTENCES)]
        text = f"{first} {second} ({message})"
        if choice % 97 == 0:
            text = "\n".join([text, *SENTENCES] * 4)
        made["text"] = text
        if mention:
            person = choice % len(PEOPLE)
            name, identifier = PEOPLE[person][0], self._people[person]
            made["text"] = f"{name} {text}"
            made["markdown"] = f"<@personId:{identifier}|{name}> {text}"
            made["html"] = (
                f'<p><spark-mention data-object-type="person" data-object-id="{identifier}">'
                f"{escape(name)}</spark-mention> {escape(text)}</p>"
            )
            made["mentionedPeople"] = [identifier]
        elif choice % 4 == 0:
            made["markdown"] = f"**{first}** {second} ({message})"
            made["html"] = f"<p><strong>{escape(first)}</strong> {escape(second)} ({message})</p>"

    def _other(self, room: int) -> int:
        """The other person of a direct room, 0 for a group room."""
        return 1 + room // 3 % (len(PEOPLE) - 1) if room % 3 == 1 else 0

    def _room_created(self, room: int) -> int:
        span = self._options.span // timedelta(milliseconds=1)
        return self.end - span - (self.rooms - room) * 60_000

    def _choice(self, message: int) -> int:
        return int.from_bytes(self.ids.digest("choice", message)[:12], "big")
