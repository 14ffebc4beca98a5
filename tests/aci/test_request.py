from collections.abc import Callable

import pytest

from connector.aci.errors import BadRequest, Code
from connector.aci.request import Limits, Request

Ask = Callable[..., Request]


@pytest.mark.parametrize(
    "target",
    [
        b"/action=QueueInfo&QueueName=Fetch&Token=MQ==",
        b"/a=QueueInfo&QueueName=Fetch&Token=MQ==",
        b"/?action=QueueInfo&QueueName=Fetch&Token=MQ==",
        b"/?Action=QueueInfo&QueueName=Fetch&Token=MQ%3D%3D",
        b"/?QueueName=Fetch&A=QueueInfo&Token=MQ==",
        b"/ACTION=QueueInfo&&QueueName=Fetch&Token=MQ==&",
        b"//action=QueueInfo&QueueName=Fetch&Token=MQ==",
    ],
)
def test_every_form_of_target_is_the_same_request(ask: Ask, target: bytes) -> None:
    request = ask(target)
    assert request.action == "QueueInfo"
    assert dict(request.parameters) == {"QueueName": "Fetch", "Token": "MQ=="}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain; charset=ISO-8859-1",
        "text/plain; charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
@pytest.mark.parametrize("separator", [b"&", b"\r", b"\n", b"\r\n", b"&\r\n"])
def test_a_body_is_read_as_parameters_whatever_its_type(
    ask: Ask, content_type: str | None, separator: bytes
) -> None:
    body = separator.join([b"Action=Fetch", b"Name=a+b%2Bc=", b"Wort=%C3%A9", b""])
    request = ask(b"/", body, content_type)
    assert request.action == "Fetch"
    assert dict(request.parameters) == {"Name": "a b+c=", "Wort": "é"}


def test_the_query_captured_from_the_java_client_is_understood(ask: Ask) -> None:
    odd = b"a%20b%2Bc%26d%3De%2Ff%3Fg%23h%25%C3%A9%E2%82%AC%2A~%2C%3B%3A%27%22%3C%3E%5B%5D"
    request = ask(b"/?Action=Fetch&FetchAction=Synchronize&Odd=" + odd)
    assert request.parameters["odd"] == "a b+c&d=e/f?g#h%é€*~,;:'\"<>[]"


def test_a_plus_is_itself_in_a_path_and_a_space_in_a_query(ask: Ask) -> None:
    assert ask(b"/action=X&v=a+b").parameters["v"] == "a+b"
    assert ask(b"/?action=X&v=a+b").parameters["v"] == "a b"


def test_a_question_mark_in_a_path_belongs_to_the_value(ask: Ask) -> None:
    request = ask(b"/action=X&url=http://host/?p=1&q=2")
    assert dict(request.parameters) == {"url": "http://host/?p=1", "q": "2"}


def test_a_question_mark_after_the_action_begins_a_query(ask: Ask) -> None:
    request = ask(b"/action=X?v=a+b")
    assert (request.action, request.parameters["v"]) == ("X", "a b")


def test_the_body_wins_over_the_target_except_for_the_action(ask: Ask) -> None:
    request = ask(b"/action=X&Name=target&Other=o", b"action=Y&name=body")
    assert request.action == "X"
    assert dict(request.parameters) == {"name": "body", "Other": "o"}


def test_an_empty_action_does_not_count_as_one(ask: Ask) -> None:
    assert ask(b"/action=&a=X").action == "X"


def test_a_pair_without_equals_sign_has_the_empty_value(ask: Ask) -> None:
    assert ask(b"/action=X&Flag").parameters["flag"] == ""


@pytest.mark.parametrize(
    ("target", "code", "parameter", "words"),
    [
        (b"/", Code.PARAM_MISSING, "Action", "/action=GetStatus"),
        (b"/favicon.ico", Code.PARAM_MISSING, "Action", "/action=GetStatus"),
        (b"/action=X&v=100%", Code.BAD_REQUEST, "v", "%25"),
        (b"/action=X&v=%4", Code.BAD_REQUEST, "v", "%25"),
        (b"/action=X&v=%zz", Code.BAD_REQUEST, "v", "'%zz'"),
        (b"/action=X&v=%E9", Code.BAD_REQUEST, "v", "0xE9"),
        (b"/action=X&v=%ED%A0%80", Code.BAD_REQUEST, "v", "UTF-8"),
        (b"/action=X&v=a%00b", Code.BAD_REQUEST, "v", "NUL"),
        (b"/action=X&%00=a", Code.BAD_REQUEST, None, "NUL"),
    ],
)
def test_what_cannot_be_read_is_explained(
    ask: Ask, target: bytes, code: Code, parameter: str | None, words: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(target)
    assert (caught.value.code, caught.value.parameter) == (code, parameter)
    assert words in caught.value.description
    assert caught.value.action == ("X" if b"action" in target else "")


@pytest.mark.parametrize(
    ("target", "body", "limits"),
    [
        (b"/action=X&v=1234", b"", Limits(target=15)),
        (b"/action=X", b"v=1234", Limits(body=5)),
        (b"/action=X&v=1", b"w=2", Limits(parameters=2)),
    ],
)
def test_too_much_is_refused_and_exactly_as_much_as_allowed_is_not(
    ask: Ask, target: bytes, body: bytes, limits: Limits
) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(target, body, limits=limits)
    assert caught.value.code is Code.TOO_LARGE
    more = Limits(limits.target + 1, limits.body + 1, limits.parameters + 1)
    assert ask(target, body, limits=more).action == "X"


def test_a_body_of_millions_of_pairs_is_refused_before_they_are_made(ask: Ask) -> None:
    with pytest.raises(BadRequest, match="1000"):
        ask(b"/action=X", b"ab&" * 1_000_000)


def test_other_methods_are_refused(ask: Ask) -> None:
    with pytest.raises(BadRequest, match="GET or POST"):
        ask(b"/action=X", method="DELETE")
    assert ask(b"/action=X", method="HEAD").action == "X"


def test_a_request_shows_no_values_in_its_repr(ask: Ask) -> None:
    assert "secret" not in repr(ask(b"/action=X&password=secret"))
