"""What can be asked of Webex."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Self, TypeVar
from urllib.parse import quote

import httpx2

from connector.webex.errors import BadReply
from connector.webex.files import Delivery, file_info
from connector.webex.models import FileInfo, Message, Person, Room
from connector.webex.paging import pages
from connector.webex.transport import Transport

PEOPLE_A_CALL = 85
LARGEST_PAGE = 1000
"""Limits of the Webex API: people and rooms."""

Model = TypeVar("Model")


class WebexClient:
    """The Webex API of one access token, for reading.

    `page_size` is how many items to ask for at once, 1 to 1000; Webex may give fewer. Seconds:
    `timeout` of each connect and each read, `max_wait` of all pauses for one request, which is
    repeated up to `max_retries` times. `wait` does the pausing, `transport` replaces the network.
    Threads may share a client; up to `connections` are open at once and kept alive. `told` hears of
    each request: its status and its seconds.

    Every method may raise any WebexError. Raises ValueError for a base URL that is none and
    Unauthorised for a token that no header can carry.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        page_size: int = 100,
        timeout: float = 30.0,
        max_retries: int = 5,
        max_wait: float = 300.0,
        transport: httpx2.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
        connections: int = 8,
        told: Callable[[str, float], None] = lambda status, seconds: None,
    ) -> None:
        self._page_size = _page_size(page_size)
        self._transport = Transport(
            base_url,
            access_token,
            timeout=timeout,
            max_retries=max_retries,
            max_wait=max_wait,
            transport=transport,
            wait=wait,
            connections=connections,
            told=told,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport!r})"

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def me(self) -> Person:
        """Whom the token belongs to: the cheapest proof that it is good."""
        return self._one("people/me", Person.from_json)

    def rooms(self) -> Iterator[tuple[Room, ...]]:
        """All rooms of the token's person, page by page, in Webex's own order.

        No order by last activity is asked for: lists in that order have been seen not to end.
        """
        return pages(self._transport, "rooms", {"max": str(self._page_size)}, Room.from_json)

    def room(self, id: str) -> Room:
        """One room. NotFound if it is gone or the token's person is not in it."""
        return self._one(f"rooms/{_segment(id)}", Room.from_json)

    def messages(
        self,
        room_id: str,
        *,
        before: str | None = None,
        before_message: str | None = None,
        max: int | None = None,
    ) -> Iterator[tuple[Message, ...]]:
        """The messages of a room page by page, newest first by creation.

        Only those created before the ISO 8601 time `before`, or before the message with the id
        `before_message`. `max` is the size of a page (default `page_size`), no limit to the walk.
        """
        query = {
            "roomId": room_id,
            "max": str(self._page_size if max is None else _page_size(max)),
            "before": before,
            "beforeMessage": before_message,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return pages(self._transport, "messages", given, Message.from_json)

    def message(self, id: str) -> Message:
        """One message. NotFound if it was deleted."""
        return self._one(f"messages/{_segment(id)}", Message.from_json)

    def people(self, ids: Iterable[str]) -> dict[str, Person]:
        """People by id, 85 a call; who is not known to Webex is missing from the answer."""
        wanted = iter(dict.fromkeys(ids))
        found: dict[str, Person] = {}
        while some := list(islice(wanted, PEOPLE_A_CALL)):
            query = {"id": ",".join(some), "max": "100"}
            for page in pages(self._transport, "people", query, Person.from_json):
                found |= {person.id: person for person in page}
        return found

    def download(
        self,
        url: str,
        write: Callable[[bytes], object],
        *,
        opened: Callable[[FileInfo], bool] | None = None,
    ) -> FileInfo:
        """Stream the file at `url`, one of a message's `files`, chunk by chunk into `write`.

        `opened` is called once, when the headers are known and before the first chunk; on False
        no body is read. A broken connection is made anew and the body goes on where it broke:
        `write` gets each byte once. What `write` raises passes through. Raises Gone, Unscannable,
        NotFound, Unavailable (still being scanned, for one), and BadReply without any request for
        a URL at another host than the base URL's.
        """
        address = self._transport.resolve(url, "the files of a message")
        budget = self._transport.policy.budget()
        delivery, info = Delivery(write), None
        while True:
            with closing(self._transport.send(address, stream=True, budget=budget)) as response:
                if info is None:
                    info = file_info(response.headers)
                    if opened is not None and not opened(info):
                        return info
                broken = self._body(response, delivery, file_info(response.headers).size)
            if broken is None:
                return info
            error = self._transport.unreachable(broken, address)
            if not budget.pause(None):
                raise error
            delivery.restart()

    def _body(
        self, response: httpx2.Response, delivery: Delivery, size: int | None
    ) -> httpx2.TransportError | None:
        try:
            for chunk in response.iter_bytes():
                delivery.take(chunk)
            delivery.finish(size)
        except httpx2.TransportError as error:
            return error
        except BadReply as error:
            raise self._transport.bad_reply(error.text, response) from None
        except httpx2.DecodingError:
            text = "Webex sent a file that cannot be unpacked"
            raise self._transport.bad_reply(text, response) from None
        return None

    def _one(self, path: str, read: Callable[[Mapping[str, object]], Model]) -> Model:
        url = self._transport.url(path)
        data, headers = self._transport.json(url)
        try:
            return read(data)
        except BadReply as error:
            raise BadReply(
                error.text, method="GET", path=url.path, tracking_id=headers.get("trackingid")
            ) from None


def _segment(id: str) -> str:
    """An id as one part of a path, whatever it holds."""
    return quote(id, safe="")


def _page_size(number: int) -> int:
    if not 1 <= number <= LARGEST_PAGE:
        raise ValueError(f"a page holds 1 to {LARGEST_PAGE} items, not {number}")
    return number
