"""What can be asked, over answers made by functions."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx2
import pytest

from connector.webex import BadReply, FileInfo, Gone, NotFound, WebexClient, WebexError

if TYPE_CHECKING:
    from tests.webex.conftest import MakeFake, MakeMessage, Replies


FILE = "https://webex.test/v1/contents/F"


def test_people_are_asked_for_85_at_a_time_and_each_once(fake: MakeFake) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        items = [
            {"id": id, "displayName": id, "emails": []}
            for id in request.url.params["id"].split(",")
            if id != "p7"
        ]
        return httpx2.Response(200, json={"items": items, "notFoundIds": ["p7"]})

    server = fake(answer)
    people = server.client().people([f"p{n}" for n in range(100)] * 2)
    assert set(people) == {f"p{n}" for n in range(100)} - {"p7"}
    assert people["p3"].display_name == "p3"
    assert [len(r.url.params["id"].split(",")) for r in server.requests] == [85, 15]


def test_nobody_asked_for_is_nothing_asked(replies: Replies) -> None:
    fake = replies(httpx2.Response(500))
    assert fake.client().people([]) == {}
    assert fake.requests == []


def test_one_room_and_one_message_are_asked_by_id(fake: MakeFake, message: MakeMessage) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        body = {"id": "R/1", "type": "direct", "title": "Ada"}
        return httpx2.Response(200, json=body if "rooms" in request.url.path else message("M"))

    server = fake(answer)
    client = server.client()
    assert client.room("R/1?x").title == "Ada"
    assert client.message("M").room_id == "R"
    assert [r.url.raw_path for r in server.requests] == [
        b"/v1/rooms/R%2F1%3Fx",
        b"/v1/messages/M",
    ]


def test_a_room_without_its_fields_names_the_request(replies: Replies) -> None:
    fake = replies(httpx2.Response(200, headers={"trackingid": "T"}, json={"id": "R"}))
    with pytest.raises(BadReply, match=r"'type' \(GET /v1/rooms/R, .*tracking id T"):
        fake.client().room("R")


@pytest.mark.parametrize("size", [0, 1001])
def test_a_page_size_webex_does_not_know_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        WebexClient("https://webex.test/v1", "token", page_size=size)


def test_a_download_tells_its_headers_before_its_bytes(replies: Replies) -> None:
    headers = {"content-disposition": 'attachment; filename="a.txt"', "content-type": "text/plain"}
    fake = replies(httpx2.Response(200, headers=headers, content=b"hello"))
    steps: list[object] = []

    def opened(info: FileInfo) -> bool:
        steps.append(info)
        return True

    info = fake.client().download(FILE, steps.append, opened=opened)
    assert steps == [info, b"hello"]
    assert (info.name, info.content_type, info.size) == ("a.txt", "text/plain", 5)
    assert fake.requests[0].headers["accept-encoding"] == "identity"


def test_a_file_not_wanted_is_not_read(replies: Replies) -> None:
    def body() -> Iterator[bytes]:
        read.append(True)
        yield b"too large"

    read: list[bool] = []
    fake = replies(httpx2.Response(200, headers={"content-length": "9"}, content=body()))
    assert fake.client().download(FILE, bytearray().extend, opened=lambda info: False).size == 9
    assert read == []


def test_a_packed_file_is_unpacked(replies: Replies) -> None:
    headers = {"content-encoding": "gzip"}
    fake = replies(httpx2.Response(200, headers=headers, content=gzip.compress(b"hello")))
    taken = bytearray()
    assert fake.client().download(FILE, taken.extend).size is None
    assert taken == b"hello"


def test_a_file_still_being_scanned_is_waited_for(replies: Replies) -> None:
    locked = httpx2.Response(423, headers={"retry-after": "3"})
    fake = replies(locked, locked, httpx2.Response(200, content=b"clean"))
    taken = bytearray()
    fake.client().download(FILE, taken.extend)
    assert (bytes(taken), fake.pauses) == (b"clean", [3.0, 3.0])


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (410, Gone)])
def test_a_file_that_will_never_come_is_said_so_at_once(
    replies: Replies, status: int, kind: type[WebexError]
) -> None:
    fake = replies(httpx2.Response(status, json={"message": "no"}))
    with pytest.raises(kind, match='It says: "no"'):
        fake.client().download(FILE, bytearray().extend)
    assert fake.pauses == []


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.test/v1/contents/F",
        "http://webex.test/v1/contents/F",
        "https://webex.test:444/v1/contents/F",
        "https://webex.test@elsewhere.test/",
        "https://webex.test\\@elsewhere.test/",
        "https://webex.test.elsewhere.test/",
        "https://a:b@webex.test/v1/contents/F",
        "//elsewhere.test/F",
        "file:///etc/passwd",
        "https://[",
        "https://webex.test:99999/",
        "https://webex.test/\x00",
    ],
)
def test_a_file_elsewhere_is_refused_and_nothing_is_sent(replies: Replies, url: str) -> None:
    fake = replies(httpx2.Response(200, content=b"x"))
    with pytest.raises(BadReply, match="files of a message"):
        fake.client().download(url, bytearray().extend)
    assert fake.requests == []


def test_what_write_raises_passes_through(replies: Replies) -> None:
    def full(chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    fake = replies(httpx2.Response(200, content=b"hello"))
    with pytest.raises(OSError, match="No space"):
        fake.client().download(FILE, full)
    assert len(fake.requests) == 1
