"""The Webex endpoints: what they take, what they refuse, how they page.

Source: the Webex API's OpenAPI files ("messaging"), its guides "basics" and "message attachments".
"""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.content import Json, milliseconds
from connector.sandbox.gate import Gate
from connector.sandbox.options import Options
from connector.sandbox.replies import ApiError, json_reply, next_link
from connector.sandbox.words import PEOPLE
from connector.sandbox.world import NotFound, World

PEOPLE_ASKED = 85
"""How many ids one request of /people may name."""
MENTIONS_PAGE = 100
"""The largest page of /messages with ``mentionedPeople``."""


class Api:
    """The endpoints below ``base_url`` over one world."""

    def __init__(self, options: Options, world: World, gate: Gate, base_url: str) -> None:
        self._options = options
        self._world = world
        self._gate = gate
        self._base_url = base_url
        self._scanned: set[int] = set()

    def routes(self) -> list[Route]:
        """The routes, relative to the base address."""
        endpoints: dict[str, Callable[[Request], Response]] = {
            "people/me": self.me,
            "people": self.people,
            "people/{id}": self.person,
            "rooms": self.rooms,
            "rooms/{id}": self.room,
            "messages": self.messages,
            "messages/{id}": self.message,
            "contents/{id}": self.contents,
        }
        guard = self._gate.guard
        return [Route(f"/{path}", guard(path, answer)) for path, answer in endpoints.items()]

    def me(self, request: Request) -> Response:
        """The owner of the token."""
        return json_reply(self._world.content.person(0))

    def person(self, request: Request) -> Response:
        """One person."""
        found = self._person(request.path_params["id"])
        if found is None:
            raise NotFound("person")
        return json_reply(found)

    def people(self, request: Request) -> Response:
        """People by ``id`` (comma-separated), ``email`` or ``displayName`` (its beginning)."""
        query = request.query_params
        if "id" in query:
            asked = [each for each in query["id"].split(",") if each]
            if len(asked) > PEOPLE_ASKED:
                raise ApiError(400, f"id may name {PEOPLE_ASKED} people, not {len(asked)}.")
            found = {each: self._person(each) for each in asked}
            missing = [each for each, person in found.items() if person is None]
            body: Json = {"items": [person for person in found.values() if person is not None]}
            return json_reply({**body, "notFoundIds": missing} if missing else body)
        if not query.keys() & {"email", "displayName"}:
            raise ApiError(400, "One of id, email and displayName is required.")
        every = map(self._world.content.person, range(len(PEOPLE)))
        email, name = query.get("email"), query.get("displayName", "").lower()
        items = [
            person
            for person in every
            if (email is None or email in person["emails"])
            and person["displayName"].lower().startswith(name)
        ]
        return json_reply({"items": items})

    def rooms(self, request: Request) -> Response:
        """Rooms, ``max`` at a time, of a ``type``, sorted by ``sortBy``."""
        query = request.query_params
        world = self._world
        orders: dict[str, Callable[[int], object]] = {
            "": lambda room: room,
            "id": lambda room: world.ids.encode("ROOM", room),
            "created": lambda room: -room,
            "lastactivity": lambda room: -world.last_activity(room),
        }
        order, kind = orders.get(query.get("sortBy", "")), query.get("type")
        if order is None:
            raise ApiError(400, "sortBy must be one of id, created and lastactivity.")
        if kind not in (None, "direct", "group"):
            raise ApiError(400, "type must be direct or group.")
        most = self._max(request, 100, self._options.rooms_limit)
        start = query.get("start", "0")
        if not (start.isascii() and start.isdigit()):
            raise ApiError(400, "start must come from a Link header.")
        listed = sorted(world.rooms(), key=order)  # type: ignore[arg-type]
        if kind is not None:
            listed = [room for room in listed if world.content.room(room)["type"] == kind]
        end = int(start) + most
        items = [world.room(room) for room in listed[int(start) : end]]
        follow = {**query, "max": str(most), "start": str(end)} if end < len(listed) else None
        return self._page(request, items, follow)

    def room(self, request: Request) -> Response:
        """One room."""
        return json_reply(self._world.room(self._world.find_room(request.path_params["id"])))

    def messages(self, request: Request) -> Response:
        """Messages of ``roomId``, newest first, below ``before`` or ``beforeMessage``."""
        query = request.query_params
        if not query.get("roomId"):
            raise ApiError(400, "roomId is required.")
        room = self._world.find_room(query["roomId"])
        mentioned, parent = query.get("mentionedPeople"), query.get("parentId")
        limit = self._options.messages_limit
        most = self._max(request, 50, limit if mentioned is None else min(limit, MENTIONS_PAGE))
        if mentioned == "me":
            mentioned = self._world.content.person(0)["id"]

        def wanted(message: Json) -> bool:
            return (parent is None or message.get("parentId") == parent) and (
                mentioned is None or mentioned in message.get("mentionedPeople", ())
            )

        page = self._world.page(room, self._before(room, request), most, wanted)
        follow = None
        if page.more and page.items:
            follow = {**query, "max": str(most), "beforeMessage": page.items[-1]["id"]}
            follow.pop("before", None)
        return self._page(request, page.items, follow)

    def message(self, request: Request) -> Response:
        """One message."""
        found = self._world.find_message(request.path_params["id"])
        return json_reply(self._world.message(found))

    def contents(self, request: Request) -> Response:
        """A file, or why it cannot be had: 410, 428 or 423."""
        number = self._world.find_file(request.path_params["id"])
        if number in self._world.infected:
            raise ApiError(410)
        allowed = request.query_params.get("allow") == "unscannable"
        if number in self._world.unscannable and not allowed:
            raise ApiError(428)
        if self._options.scan_files and number not in self._scanned:
            self._scanned.add(number)
            raise ApiError(423)
        file = self._world.content.file(number)
        plain = file.name.encode("ascii", "replace").decode()
        plain = plain.replace("?", "_").replace("\\", "_").replace('"', "_")
        named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
        headers = {"Content-Disposition": named, "Content-Type": file.media_type}
        return Response(file.data, headers=headers)

    def _person(self, identifier: str) -> Json | None:
        index = self._world.ids.decode("PEOPLE", identifier)
        known = index is not None and index < len(PEOPLE)
        return self._world.content.person(index) if index is not None and known else None

    def _before(self, room: int, request: Request) -> int | None:
        query = request.query_params
        bounds = []
        if "beforeMessage" in query:
            bounds.append(self._world.position(room, query["beforeMessage"]))
        if "before" in query:
            try:
                moment = datetime.fromisoformat(query["before"])
            except ValueError:
                raise ApiError(400, "before must be a date like 2026-10-01T00:00:00Z.") from None
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            bounds.append(self._world.position_at(room, milliseconds(aware)))
        return min(bounds, default=None)

    def _max(self, request: Request, default: int, limit: int) -> int:
        given = request.query_params.get("max", str(default))
        if not (given.isascii() and given.isdigit() and len(given) < 10) or int(given) < 1:
            raise ApiError(400, "max must be a whole number from 1.")
        return min(int(given), limit)

    def _page(self, request: Request, items: list[Json], follow: dict[str, str] | None) -> Response:
        path = f"{self._base_url}/{request.url.path.rsplit('/', 1)[-1]}"
        return json_reply({"items": items}, headers=next_link(path, follow) if follow else None)
