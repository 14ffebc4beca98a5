from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.aci.errors import AciError, Code
from connector.aci.parameters import Parameters
from connector.aci.values import boolean, choice, required, token

TOKEN = "0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e0f"


@given(st.uuids())
def test_a_token_is_accepted_in_any_case_and_without_dashes(made: UUID) -> None:
    for text in (str(made), str(made).upper(), made.hex, f" {made}\n"):
        assert token(text) == str(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.replace("c", "g"),
        f"{{{TOKEN}}}",
        f"urn:uuid:{TOKEN}",
        "0x98c0de1a2b7c3d8e4f5a6b7c8d9e0f",
        "0198c0de1a2b7c3d8e4f5a6b7c8d_e0f",
        "0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e٣f",
        "MTI3LjAuMC4xOjE0MDAwOkZFVENIOjE3OTU0MTI2MTExOTctMQ==",
    ],
)
def test_a_malformed_token_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AciError, match=TOKEN) as caught:
        token(text)
    assert (caught.value.code, caught.value.parameter) == (Code.PARAM_INVALID, "Token")


@pytest.mark.parametrize("word", ["TRUE", "true", "ON", "on", "Y", "y", "1"])
def test_a_yes_is_true(word: str) -> None:
    assert boolean(word, "Sync") is True


@pytest.mark.parametrize("word", ["FALSE", "false", "OFF", "off", "N", "n", "0"])
def test_a_no_is_false(word: str) -> None:
    assert boolean(word, "Sync") is False


def test_another_word_is_no_boolean() -> None:
    with pytest.raises(AciError, match="Sync cannot be 'maybe'; expected true or false"):
        boolean("maybe", "Sync")


def test_a_choice_ignores_case_and_lists_what_there_is() -> None:
    words = ("getStatus", "cancel")
    assert choice("GETSTATUS", "QueueAction", words) == "getStatus"
    with pytest.raises(AciError, match="QueueAction.*'x'.*one of getStatus, cancel"):
        choice("x", "QueueAction", words)


@pytest.mark.parametrize("parameters", [Parameters(), Parameters([("queuename", "")])])
def test_a_required_parameter_must_be_there_and_not_empty(parameters: Parameters) -> None:
    with pytest.raises(AciError, match="QueueName: the name of a queue") as caught:
        required(parameters, "QueueName", "the name of a queue")
    assert caught.value.code is Code.PARAM_MISSING


def test_a_required_parameter_is_found_in_any_case() -> None:
    assert required(Parameters([("queuename", "Fetch")]), "QueueName", "x") == "Fetch"
    assert "TOKEN" in Parameters([("Token", "")]) and "x" not in Parameters()
