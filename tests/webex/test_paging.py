"""Walking a list by its next links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given, strategies

from connector.webex import BadReply, Message, Room
from connector.webex.paging import MOST_EMPTY_PAGES, Seen

if TYPE_CHECKING:
    from tests.webex.conftest import MakeFake, MakePage, Replies


NEXT = "https://webex.test/v1/messages?roomId=R&max=100&cursor="


def ids(walk: Iterator[tuple[Message, ...]] | Iterator[tuple[Room, ...]]) -> list[list[str]]:
    return [[item.id for item in page] for page in walk]


def test_pages_come_in_order_until_no_next_link_is_left(replies: Replies, page: MakePage) -> None:
    fake = replies(page("3", "2", link=NEXT + "a"), page("1"))
    assert ids(fake.client().messages("R")) == [["3", "2"], ["1"]]
    assert [str(r.url.params.get("cursor")) for r in fake.requests] == ["None", "a"]


def test_the_first_request_says_room_size_and_position(replies: Replies, page: MakePage) -> None:
    fake = replies(page())
    walk = fake.client().messages("R/ä", before="2026-01-01T00:00:00Z", before_message="M", max=7)
    assert ids(walk) == []
    assert dict(fake.requests[0].url.params) == {
        "roomId": "R/ä",
        "max": "7",
        "before": "2026-01-01T00:00:00Z",
        "beforeMessage": "M",
    }


def test_rooms_are_not_asked_in_the_order_of_activity(replies: Replies) -> None:
    fake = replies(httpx2.Response(200, json={"items": [{"id": "R", "type": "group"}]}))
    assert ids(fake.client(page_size=1000).rooms()) == [["R"]]
    assert dict(fake.requests[0].url.params) == {"max": "1000"}


def test_lost_filters_and_max_null_are_repaired(replies: Replies, page: MakePage) -> None:
    lost = "https://webex.test/v1/messages?max=null&cursor=a"
    fake = replies(page("2", link=lost), page("1"))
    assert ids(fake.client().messages("R")) == [["2"], ["1"]]
    assert dict(fake.requests[1].url.params) == {"roomId": "R", "max": "100", "cursor": "a"}


def test_the_next_link_says_where_its_page_begins(replies: Replies, page: MakePage) -> None:
    following = "https://webex.test/v1/messages?roomId=R&max=50&beforeMessage=2"
    fake = replies(page("3", "2", link=following), page("1"))
    list(fake.client().messages("R", before_message="9", before="2026-01-01T00:00:00Z"))
    assert dict(fake.requests[1].url.params) == {"roomId": "R", "max": "50", "beforeMessage": "2"}


def test_a_next_link_that_names_no_position_is_our_first_request_again(
    replies: Replies, page: MakePage
) -> None:
    fake = replies(page("2", link="https://webex.test/v1/messages?max=100"), page("9"))
    walk = fake.client().messages("R", before="2026-01-01T00:00:00Z")
    next(walk)
    with pytest.raises(BadReply, match="already read"):
        next(walk)


def test_a_sound_next_link_is_sent_as_it_came(replies: Replies, page: MakePage) -> None:
    fake = replies(page("2", link=NEXT + "a%2Fb+c~%7E"), page("1"))
    list(fake.client().messages("R"))
    assert fake.requests[1].url.query == b"roomId=R&max=100&cursor=a%2Fb+c~%7E"


def test_an_empty_page_with_a_next_link_is_passed_over(replies: Replies, page: MakePage) -> None:
    fake = replies(page(link=NEXT + "a"), page("1"))
    assert ids(fake.client().messages("R")) == [["1"]]


def test_empty_pages_without_end_are_given_up(fake: MakeFake, page: MakePage) -> None:
    count = iter(range(10**6))
    endless = fake(lambda request: page(link=NEXT + str(next(count))))
    with pytest.raises(BadReply, match="come to an end"):
        list(endless.client().messages("R"))
    assert len(endless.requests) == MOST_EMPTY_PAGES + 1


def test_a_list_of_too_many_pages_is_given_up(
    fake: MakeFake, page: MakePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.webex.paging.MOST_PAGES", 3)
    count = iter(range(10**6))

    def answer(request: httpx2.Request) -> httpx2.Response:
        number = next(count)
        return page(str(number), link=f"{NEXT}{number}")

    with pytest.raises(BadReply, match="come to an end"):
        list(fake(answer).client().messages("R"))


def test_a_link_back_to_a_page_already_read_ends_the_walk(replies: Replies, page: MakePage) -> None:
    fake = replies(
        page("3", link=NEXT + "a"), page("2", link=NEXT + "b"), page("1", link=NEXT + "a")
    )
    walk = fake.client().messages("R")
    assert [[m.id for m in next(walk)] for _ in range(3)] == [["3"], ["2"], ["1"]]
    with pytest.raises(BadReply, match="already read"):
        next(walk)


def test_a_page_of_nothing_new_ends_the_walk(replies: Replies, page: MakePage) -> None:
    fake = replies(page("2", "1", link=NEXT + "a"), page("1", "2", link=NEXT + "b"))
    walk = fake.client().messages("R")
    assert len(next(walk)) == 2
    with pytest.raises(BadReply, match="repeats a page"):
        next(walk)


def test_an_item_on_two_pages_comes_once(replies: Replies, page: MakePage) -> None:
    fake = replies(page("3", "2", link=NEXT + "a"), page("2", "1"))
    assert ids(fake.client().messages("R")) == [["3", "2"], ["1"]]


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.test/v1/messages?cursor=a",
        "http://webex.test/v1/messages?cursor=a",
        "https://webex.test:8443/v1/messages?cursor=a",
        "https://user:word@webex.test/v1/messages?cursor=a",
        "//elsewhere.test/v1/messages?cursor=a",
        "https://webex.test@elsewhere.test/",
        "https://[broken",
        "file:///etc/passwd",
    ],
)
def test_a_next_link_to_elsewhere_is_not_asked(replies: Replies, page: MakePage, link: str) -> None:
    fake = replies(page("1", link=link))
    walk = fake.client().messages("R")
    next(walk)
    with pytest.raises(BadReply, match="Link header"):
        next(walk)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "header",
    [
        '<https://webex.test/v1/rooms?a=1,2;b>; rel="first", </v1/messages?cursor=a>; rel="next"',
        '<https://WEBEX.test:443/v1/messages?cursor=a>; title="a, b=c"; REL=Next',
        '<messages?cursor=a>;rel="prev next"',
    ],
)
def test_forms_of_the_link_header_are_understood(
    replies: Replies, page: MakePage, header: str
) -> None:
    first = page("2")
    first.headers["link"] = header
    fake = replies(first, page("1"))
    assert ids(fake.client().messages("R")) == [["2"], ["1"]]
    assert fake.requests[1].url.path == "/v1/messages"
    assert fake.requests[1].url.params["cursor"] == "a"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON object"),
        (b"<html>", "JSON object"),
        (b"[]", "JSON object"),
        (b"[" * 100_000, "JSON object"),
        (b"{}", "without 'items'"),
        (b'{"items": [1]}', "without 'items'"),
        (b'{"items": [{"id": "1", "roomId": "R"}]}', "without a usable 'created'"),
    ],
)
def test_what_is_no_list_of_messages_is_a_bad_reply_with_its_facts(
    replies: Replies, body: bytes, said: str
) -> None:
    fake = replies(httpx2.Response(200, headers={"trackingId": "T_1"}, content=body))
    with pytest.raises(BadReply, match=said) as caught:
        list(fake.client().messages("R"))
    assert (caught.value.method, caught.value.path) == ("GET", "/v1/messages")
    assert caught.value.tracking_id == "T_1"


@given(strategies.lists(strategies.integers(0, 50).map(str)))
def test_ids_met_lately_are_known(keys: list[str]) -> None:
    seen = Seen()
    assert [key for key in keys if seen.add(key)] == list(dict.fromkeys(keys))


def test_memory_of_ids_is_bounded() -> None:
    seen = Seen()
    assert all(seen.add(str(number)) for number in range(100_000))
    assert not seen.add("99999")
    assert seen.add("0")
