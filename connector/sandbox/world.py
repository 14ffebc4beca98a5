"""The content as it is now: what was there at the start, and what the controls did to it since.

Only differences are kept. A file is known by its number (see ``content``), a message too: those
added later continue the count. Time stands still but for the changes, each a second after the
last, so the same changes give the same dates.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connector.sandbox.content import MAX_FILES, Content, Json, timestamp


class NotFound(LookupError):
    """There is no such room, message or file, or no longer."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and whether the room goes on below the last of them."""

    items: list[Json]
    more: bool


class World:
    """Rooms, messages and files as they are now. Raises NotFound for what is not there."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.ids = content.ids
        self.infected: set[int] = set()
        self.unscannable: set[int] = set()
        self._clock = content.end
        self._added: list[tuple[int, int]] = []  # of each added message: room, creation
        self._added_made: list[Json] = []
        self._tails: dict[int, list[int]] = {}  # numbers of the messages added to a room
        self._edits: dict[int, Json] = {}
        self._deleted: set[int] = set()
        self._removed: set[int] = set()

    def rooms(self) -> Iterator[int]:
        """The rooms that are there."""
        return (room for room in range(self.content.rooms) if room not in self._removed)

    def find_room(self, identifier: str) -> int:
        """The room of an identifier."""
        room = self.ids.decode("ROOM", identifier)
        if room is None or room >= self.content.rooms or room in self._removed:
            raise NotFound("room")
        return room

    def room(self, room: int) -> Json:
        """A room's object."""
        return {**self.content.room(room), "lastActivity": timestamp(self.last_activity(room))}

    def last_activity(self, room: int) -> int:
        """When the newest message, be it deleted since, was written; in milliseconds."""
        tail = self._tails.get(room)
        return self._created(tail[-1]) if tail else self.content.last_activity(room)

    def find_message(self, identifier: str) -> int:
        """The message of an identifier."""
        message = self._known(identifier)
        if message in self._deleted:
            raise NotFound("message")
        return message

    def message(self, message: int) -> Json:
        """A message's object, as last edited."""
        edited = self._edits.get(message)
        if edited is not None:
            return edited
        later = message - self.content.messages
        return self._added_made[later] if later >= 0 else self.content.message(message)

    def position(self, room: int, identifier: str) -> int:
        """Where in a room a message is, or was before it was deleted."""
        message = self._known(identifier)
        home, position = self._locate(message)
        if home != room:
            raise NotFound("message")
        return position

    def position_at(self, room: int, moment: int) -> int:
        """The position of the room's first message written at a moment (milliseconds) or later."""
        return bisect_left(
            range(self._size(room)),
            moment,
            key=lambda position: self._created(self._number(room, position)),
        )

    def page(
        self, room: int, before: int | None, most: int, wanted: Callable[[Json], bool]
    ) -> Page:
        """At most ``most`` wanted messages below a position (None: from the newest)."""
        position = self._size(room) if before is None else before
        items: list[Json] = []
        while position > 0 and len(items) < most:
            position -= 1
            message = self._number(room, position)
            if message not in self._deleted and wanted(made := self.message(message)):
                items.append(made)
        return Page(items, more=position > 0)

    def find_file(self, identifier: str) -> int:
        """The number of the file of an identifier; its message and room must be there."""
        number = self.ids.decode("CONTENT", identifier)
        if number is None:
            raise NotFound("file")
        message, position = divmod(number, MAX_FILES)
        if not self._exists(message) or position >= self._file_count(message):
            raise NotFound("file")
        return number

    def add(self, room: int, text: str, files: int) -> Json:
        """Adds a message, which is its room's activity."""
        number = self.content.messages + len(self._added)
        made = self.content.frame(number, room, 0, self._tick())
        made["text"] = text
        if files:
            first = number * MAX_FILES
            made["files"] = [self.content.file_url(first + each) for each in range(files)]
        self._added.append((room, self._clock))
        self._added_made.append(made)
        self._tails.setdefault(room, []).append(number)
        return made

    def edit(self, message: int, text: str) -> Json:
        """Gives a message another text; its room's ``lastActivity`` stays.

        Raises ValueError if it has files: Webex refuses to edit such a message.
        """
        if self._file_count(message):
            raise ValueError("a message that has files cannot be edited")
        kept = {
            key: value
            for key, value in self.message(message).items()
            if key not in ("markdown", "html", "mentionedPeople")
        }
        self._edits[message] = {**kept, "text": text, "updated": timestamp(self._tick())}
        return self._edits[message]

    def delete(self, message: int) -> None:
        """Deletes a message; its room's ``lastActivity`` stays."""
        self._deleted.add(message)

    def remove_room(self, room: int) -> None:
        """Takes a room away with all that is in it."""
        self._removed.add(room)

    def totals(self) -> dict[str, int]:
        """How many rooms, messages and files a complete fetch would find now."""
        rooms = messages = files = 0
        for room in self.rooms():
            rooms += 1
            for position in range(self._size(room)):
                message = self._number(room, position)
                if message not in self._deleted:
                    messages += 1
                    files += self._file_count(message)
        return {"rooms": rooms, "messages": messages, "files": files}

    def _known(self, identifier: str) -> int:
        message = self.ids.decode("MESSAGE", identifier)
        if message is None or message >= self.content.messages + len(self._added):
            raise NotFound("message")
        if self._locate(message)[0] in self._removed:
            raise NotFound("message")
        return message

    def _exists(self, message: int) -> bool:
        if message >= self.content.messages + len(self._added) or message in self._deleted:
            return False
        return self._locate(message)[0] not in self._removed

    def _locate(self, message: int) -> tuple[int, int]:
        later = message - self.content.messages
        if later < 0:
            return self.content.locate(message)
        room = self._added[later][0]
        return room, self.content.size(room) + bisect_left(self._tails[room], message)

    def _number(self, room: int, position: int) -> int:
        later = position - self.content.size(room)
        return self._tails[room][later] if later >= 0 else self.content.number(room, position)

    def _size(self, room: int) -> int:
        return self.content.size(room) + len(self._tails.get(room, ()))

    def _created(self, message: int) -> int:
        later = message - self.content.messages
        return self._added[later][1] if later >= 0 else self.content.created(message)

    def _file_count(self, message: int) -> int:
        later = message - self.content.messages
        if later < 0:
            return self.content.file_count(message)
        return len(self._added_made[later].get("files", ()))

    def _tick(self) -> int:
        self._clock += 1_000
        return self._clock
