"""One request: its repeats, its failures, and where the token goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx2
import pytest

from connector.webex import (
    BadReply,
    Forbidden,
    Gone,
    NotFound,
    Refused,
    Unauthorised,
    Unavailable,
    Unscannable,
    WebexClient,
    WebexError,
)

if TYPE_CHECKING:
    from tests.webex.conftest import Replies


ME = {"id": "P", "displayName": "Ada", "emails": ["ada@example.org"]}
TOKEN = "t0ken-of-the-tests"


def ok() -> httpx2.Response:
    return httpx2.Response(200, json=ME)


def no(status: int, headers: dict[str, str] | None = None, **body: object) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, json=body)


def test_a_request_carries_the_token_and_the_accepted_form(replies: Replies) -> None:
    fake = replies(ok())
    assert fake.client().me().display_name == "Ada"
    assert fake.requests[0].url == "https://webex.test/v1/people/me"
    assert fake.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [423, 429])
def test_patience_lasts_as_long_as_webex_asks(replies: Replies, status: int) -> None:
    fake = replies(no(status, {"Retry-After": "7"}), no(status), ok())
    fake.client().me()
    assert fake.pauses == [7.0, 5.0]


@pytest.mark.parametrize("header", ["soon", "", "Wed, 21 Oct 2026 07:28:00 GMT", "1.5"])
def test_a_retry_after_that_is_no_number_counts_as_five_seconds(
    replies: Replies, header: str
) -> None:
    fake = replies(no(429, {"Retry-After": header}), ok())
    fake.client().me()
    assert fake.pauses == [5.0]


def test_a_negative_retry_after_is_no_pause(replies: Replies) -> None:
    fake = replies(no(429, {"Retry-After": "-3"}), ok())
    fake.client().me()
    assert fake.pauses == [0.0]


@pytest.mark.parametrize(
    "fault",
    [httpx2.ConnectError("no"), httpx2.ReadTimeout("slow"), no(500), no(502), no(503), no(504)],
)
def test_faults_are_repeated_with_growing_pauses(
    replies: Replies, fault: httpx2.Response | Exception
) -> None:
    fake = replies(fault, fault, fault, fault, ok())
    fake.client().me()
    assert len(fake.requests) == 5
    for number, pause in enumerate(fake.pauses):
        assert 0.25 * 2**number <= pause <= 0.5 * 2**number


def test_repeats_are_counted(replies: Replies) -> None:
    fake = replies(no(503))
    with pytest.raises(Unavailable) as caught:
        fake.client(max_retries=2).me()
    assert len(fake.requests) == 3
    assert caught.value.status == 503
    assert caught.value.retry_after is None


def test_a_pause_longer_than_allowed_is_not_begun_but_told(replies: Replies) -> None:
    fake = replies(no(429, {"Retry-After": "60"}))
    with pytest.raises(Unavailable) as caught:
        fake.client(max_wait=100.0).me()
    assert fake.pauses == [60.0]
    assert caught.value.retry_after == 60.0


def test_a_network_fault_is_unavailable_and_names_the_host(replies: Replies) -> None:
    fake = replies(httpx2.ConnectError("name not known"))
    with pytest.raises(Unavailable, match=r"webex\.test cannot be reached: name not known") as e:
        fake.client(max_retries=0).me()
    assert e.value.status is None
    assert e.value.path == "/v1/people/me"


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, Refused, "refused"),
        (401, Unauthorised, r"\[Webex\] AccessToken"),
        (403, Forbidden, "scopes"),
        (404, NotFound, "does not have this"),
        (405, Refused, "refused"),
        (409, Refused, "refused"),
        (410, Gone, "infected"),
        (428, Unscannable, "cannot scan"),
        (302, BadReply, "not followed"),
    ],
)
def test_each_status_has_its_error_and_is_not_repeated(
    replies: Replies, status: int, kind: type[WebexError], said: str
) -> None:
    fake = replies(no(status, message="Because.", trackingId="T_1"))
    with pytest.raises(kind, match=said) as caught:
        fake.client().me()
    error = caught.value
    assert type(error) is kind
    assert (error.method, error.path, error.status) == ("GET", "/v1/people/me", status)
    assert error.tracking_id == "T_1"
    assert f"(GET /v1/people/me, status {status}, tracking id T_1)" in str(error)
    assert len(fake.requests) == 1


def test_what_webex_says_is_quoted_on_one_line_and_cut(replies: Replies) -> None:
    fake = replies(no(400, message="a\nb\x00" + "c" * 1000))
    with pytest.raises(Refused, match='It says: "ab') as caught:
        fake.client().me()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"message": 5}', b"\xff" * 10**6])
def test_an_error_body_of_another_form_changes_nothing(replies: Replies, body: bytes) -> None:
    fake = replies(httpx2.Response(404, headers={"trackingId": "T_2"}, content=body))
    with pytest.raises(NotFound) as caught:
        fake.client().me()
    assert caught.value.tracking_id == "T_2"


def test_the_token_shows_nowhere(replies: Replies, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake = replies(no(400, message=f"you sent {TOKEN}"))
    client = fake.client()
    with pytest.raises(Refused, match=r"you sent \*\*\*") as caught:
        client.me()
    shown = [repr(client), repr(vars(client)), str(caught.value), repr(caught.value), caplog.text]
    assert not any(TOKEN in text for text in shown)


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "schlüssel", "a\x00"])
def test_a_token_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(Unauthorised, match=r"\[Webex\] AccessToken") as caught:
        WebexClient("https://webex.test/v1", token)
    assert not token.strip() or token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "base", ["", "webexapis.com/v1", "ftp://webex.test", "https://", "https://u:p@webex.test/v1"]
)
def test_a_base_url_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        WebexClient(base, TOKEN)


@pytest.mark.parametrize("base", ["https://webex.test/v1", "https://webex.test/v1/"])
def test_a_base_url_may_end_in_a_slash(replies: Replies, base: str) -> None:
    fake = replies(ok())
    fake.client(base=base).me()
    assert fake.requests[0].url == "https://webex.test/v1/people/me"


def test_a_redirect_is_not_followed(replies: Replies) -> None:
    fake = replies(httpx2.Response(302, headers={"location": "https://elsewhere.test/"}), ok())
    with pytest.raises(BadReply, match="not followed"):
        fake.client().me()
    assert len(fake.requests) == 1
