"""Which failures mean what: told from answers by rote."""

import itertools
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.aci.errors import Code
from connector.client import BadReply, Client, ClientError, Refused, Unanswered, Unreachable
from tests.client.conftest import Rote

QUICK = 0.2


def test_a_port_where_nobody_listens_is_unreachable_and_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(Unreachable) as caught:
        client.ask("GetPid")
    assert caught.value.retryable
    assert f"no answer from http://127.0.0.1:{port}/" in str(caught.value)


@pytest.mark.parametrize("answer", [None, "hang"])
def test_a_lost_answer_leaves_a_submit_in_doubt_and_names_its_key(
    rote: Rote, answer: str | None
) -> None:
    rote.answers.append(answer)
    with Client(rote.url, timeout=QUICK) as client, pytest.raises(Unanswered) as caught:
        client.submit("Fetch", key="mine")
    assert caught.value.key == "mine" and "mine" in str(caught.value)
    assert not caught.value.retryable


def test_a_lost_answer_to_a_question_is_worth_another_try_and_to_a_change_is_not(
    rote: Rote,
) -> None:
    rote.answers.append(None)
    with Client(rote.url) as client:
        with pytest.raises(Unanswered) as asked:
            client.status("Fetch", "t")
        with pytest.raises(Unanswered) as changed:
            client.stop("Fetch", "t")
    assert asked.value.retryable and asked.value.key is None
    assert not changed.value.retryable


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [(200, "<html></html>", False), (200, "", False), (404, "no", False), (503, "busy", True)],
)
def test_what_is_no_aci_answer_is_told_with_its_http_status(
    rote: Rote, status: int, body: str, retryable: bool
) -> None:
    rote.answers.append((status, body))
    with Client(rote.url) as client, pytest.raises(BadReply) as caught:
        client.ask("GetPid")
    assert (caught.value.status, caught.value.retryable) == (status, retryable)


@pytest.mark.parametrize("code", Code)
def test_a_refusal_has_code_number_sentence_and_whether_it_is_worth_repeating(
    rote: Rote, code: Code
) -> None:
    ids = f"XFETCH{code.number}", hex(code.number)
    rote.error(errorid=ids[0], rawerrorid=ids[1], errordescription="Because.", errorcode=code.word)
    with Client(rote.url) as client, pytest.raises(Refused) as caught:
        client.ask("Fetch")
    error = caught.value
    assert (error.code, error.number, str(error)) == (code.word, code.number, "Because.")
    assert error.retryable is code.retryable


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"errorid": "AXEQUERY502"}, 502),
        ({"errorid": "X7", "rawerrorid": "0x1F6"}, 502),
        ({"errorid": "X7", "rawerrorid": "nonsense"}, 7),
        ({"errorstring": "ERROR"}, 0),
    ],
)
def test_the_number_is_found_in_whatever_an_aci_server_sends(
    rote: Rote, fields: dict[str, str], number: int
) -> None:
    rote.error(500, **fields)
    with Client(rote.url) as client, pytest.raises(Refused) as caught:
        client.ask("GetPid")
    assert caught.value.number == number
    assert not caught.value.retryable, "of an unknown code nothing is promised"


def test_a_server_in_doubt_leaves_the_client_in_doubt_with_its_code_and_the_key(rote: Rote) -> None:
    rote.error(errorid="X521", errordescription="Token t may be stored", errorcode="ERRORINDOUBT")
    with Client(rote.url) as client, pytest.raises(Unanswered, match="Token t may be") as caught:
        client.submit("Fetch", key="mine")
    assert (caught.value.key, caught.value.code, caught.value.number) == (
        "mine",
        "ERRORINDOUBT",
        521,
    )


def test_an_action_that_gives_no_token_is_told_as_no_asynchronous_one(rote: Rote) -> None:
    rote.success("<pid>1</pid>")
    with Client(rote.url) as client, pytest.raises(BadReply, match="gave no token"):
        client.submit("GetPid")


@settings(deadline=None)
@given(st.text())
def test_any_address_is_used_or_refused_with_a_reason(text: str) -> None:
    try:
        Client(text).close()
    except ValueError as error:
        assert "address" in str(error)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:7023", "ftp://here/", "http://", "http://me:secret@here/", ""]
)
def test_an_address_that_cannot_be_used_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        Client(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a\nb", " secret", "schlüssel", "a\0"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ValueError, match="an API key is printable ASCII") as caught:
        Client("http://127.0.0.1:1/", api_key=key)
    assert not key or key not in str(caught.value)
    with Client("http://127.0.0.1:1/") as client, pytest.raises(ValueError, match="idempotency"):
        client.submit("Fetch", key=key)


def test_the_api_key_is_sent_and_shown_nowhere(rote: Rote) -> None:
    rote.error(errordescription="no")
    with Client(rote.url, api_key="hush") as client:
        with pytest.raises(ClientError) as caught:
            client.ask("GetPid")
        assert "hush" not in repr(client) + repr(vars(client)) + str(caught.value)
    assert rote.heads[0]["authorization"] == "Bearer hush"


def test_each_submit_has_a_key_of_its_own_and_all_its_tries_have_the_same(rote: Rote) -> None:
    rote.answers += [None, (503, "busy")]
    rote.error(errorcode=Code.UNAVAILABLE.word)
    rote.success("<token>t</token>")
    begun = time.monotonic()
    with Client(rote.url) as client:
        assert client.submit("Fetch", {"FetchAction": "Synchronize"}, tries=4) == "t"
        assert time.monotonic() - begun > 1.5, "it pauses between the tries"
        assert client.submit("Fetch") == "t"
    *tries, last = [head["idempotency-key"] for head in rote.heads]
    assert len(tries) == 4 and len(set(tries)) == 1 and last != tries[0]
    first = {"action": "Fetch", "FetchAction": "Synchronize"}
    assert all(sent == first for sent in itertools.islice(rote.sent, 4))


def test_tries_end_with_the_last_error_and_a_refusal_ends_them_at_once(rote: Rote) -> None:
    rote.answers.append(None)
    with Client(rote.url) as client:
        with pytest.raises(Unanswered):
            client.submit("Fetch", tries=2)
        assert len(rote.sent) == 2
        rote.answers.clear()
        rote.error(errorcode=Code.PARAM_MISSING.word)
        with pytest.raises(Refused):
            client.submit("Fetch", tries=5)
        assert len(rote.sent) == 3


def test_a_submit_once_in_doubt_stays_so_unless_it_is_answered(rote: Rote) -> None:
    rote.answers += [None, (503, "busy")]
    with Client(rote.url) as client, pytest.raises(Unanswered) as caught:
        client.submit("Fetch", key="mine", tries=2)
    assert len(rote.sent) == 2 and caught.value.key == "mine"
