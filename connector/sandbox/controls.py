"""What a test may do to the sandbox: JSON below ``/sandbox``, without a token, from loopback only.

    GET   requests, expected
    POST  add-message {roomId, text, files = 0}     edit-message {id, text}
          delete-message {id}                       remove-room {id}
          infect {url or contentId}                 unscannable {url or contentId}
          fail {status, count = 1, after = 0, endpoint = any}
          latency {ms}                              reset-requests

Edits and deletions leave the room's ``lastActivity`` as it is; an added message moves it.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from json import JSONDecodeError
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.content import MAX_FILES, Json
from connector.sandbox.faults import Order, Requests
from connector.sandbox.gate import Gate
from connector.sandbox.replies import json_reply
from connector.sandbox.world import NotFound, World

_Value = TypeVar("_Value", str, int)


class Controls:
    """The controls over one world and its gate."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._gate = gate

    def routes(self) -> list[Route]:
        """The routes, relative to ``/sandbox``."""
        changes: dict[str, Callable[[Json], Json]] = {
            "add-message": self.add_message,
            "edit-message": self.edit_message,
            "delete-message": self.delete_message,
            "remove-room": self.remove_room,
            "infect": self.infect,
            "unscannable": self.unscannable,
            "fail": self.fail,
            "latency": self.latency,
            "reset-requests": self.reset_requests,
        }
        views: dict[str, Callable[[Json], Json]] = {
            "requests": lambda _: self._gate.requests.as_json(),
            "expected": lambda _: dict(self._world.totals()),
        }
        return [
            *(Route(f"/{name}", _local(do), methods=["POST"]) for name, do in changes.items()),
            *(Route(f"/{name}", _local(do), methods=["GET"]) for name, do in views.items()),
        ]

    def add_message(self, given: Json) -> Json:
        """Adds a message with a number of files; answers it."""
        files = _take(given, "files", int, 0)
        if not 0 <= files <= MAX_FILES:
            raise ValueError(f"files must be from 0 to {MAX_FILES}, not {files}")
        room = self._world.find_room(_take(given, "roomId", str))
        return self._world.add(room, _take(given, "text", str), files)

    def edit_message(self, given: Json) -> Json:
        """Gives a message another text; answers it."""
        message = self._world.find_message(_take(given, "id", str))
        return self._world.edit(message, _take(given, "text", str))

    def delete_message(self, given: Json) -> Json:
        """Deletes a message."""
        self._world.delete(self._world.find_message(_take(given, "id", str)))
        return {}

    def remove_room(self, given: Json) -> Json:
        """Takes a room away."""
        self._world.remove_room(self._world.find_room(_take(given, "id", str)))
        return {}

    def infect(self, given: Json) -> Json:
        """From now on a file is answered with 410."""
        self._world.infected.add(self._file(given))
        return {}

    def unscannable(self, given: Json) -> Json:
        """From now on a file is answered with 428, unless that is allowed."""
        self._world.unscannable.add(self._file(given))
        return {}

    def fail(self, given: Json) -> Json:
        """Orders failures; orders are taken up one after another."""
        status = _take(given, "status", int)
        if not 400 <= status <= 599:
            raise ValueError(f"status must be from 400 to 599, not {status}")
        count, after = _take(given, "count", int, 1), _take(given, "after", int, 0)
        endpoint = _take(given, "endpoint", str, "") or None
        self._gate.faults.orders.append(Order(status, count, after, endpoint))
        return {}

    def latency(self, given: Json) -> Json:
        """Delays every answer of the API from now on."""
        self._gate.faults.latency = max(0, _take(given, "ms", int)) / 1_000
        return {}

    def reset_requests(self, given: Json) -> Json:
        """Counts from nought again."""
        self._gate.requests = Requests()
        return {}

    def _file(self, given: Json) -> int:
        key = "contentId" if "contentId" in given else "url"
        return self._world.find_file(_take(given, key, str).rsplit("/", 1)[-1])


def _take(given: Json, key: str, kind: type[_Value], default: _Value | None = None) -> _Value:
    value = given.get(key, default)
    if not isinstance(value, kind):
        raise ValueError(f"{key} must be given as {kind.__name__}")
    return value


def _local(control: Callable[[Json], Json]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return json_reply({"message": "Controls answer on loopback only."}, 403)
        try:
            given = await request.json() if request.method == "POST" else {}
            if not isinstance(given, dict):
                raise ValueError("the body must be an object")
            return json_reply(control(given))
        except NotFound as error:
            return json_reply({"message": f"There is no such {error}."}, 404)
        except (JSONDecodeError, ValueError) as error:
            return json_reply({"message": f"Not done: {error}."}, 400)

    return endpoint
