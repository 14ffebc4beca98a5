"""Whatever an action tells, it is stored, or the action fails with a sentence."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.actions.action import Failed, Finished, Release, Retry
from connector.worker.storable import (
    LARGEST,
    LARGEST_RESULT,
    LONGEST_PAUSE,
    outcome_message,
    storable,
)

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text() | st.integers(), each),
    max_leaves=10,
)


@given(ANY)
def test_what_is_storable_is_plain_json_that_every_engine_takes(value: object) -> None:
    try:
        kept = storable(value)
    except ValueError:
        return
    text = json.dumps(kept, allow_nan=False, ensure_ascii=False)
    assert "\0" not in str(kept) and "\\u0000" not in json.dumps(kept)
    text.encode()


def test_characters_that_no_database_keeps_are_replaced() -> None:
    assert storable({"a\0": ["\ud800", "ok 🎉"]}) == {"a\ufffd": ["\ufffd", "ok 🎉"]}


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, {1: 2}, b"x", object()])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        storable(value)


def test_a_number_with_more_digits_than_are_read_again_is_refused() -> None:
    assert storable({"n": [10**4000]}) == {"n": [10**4000]}
    with pytest.raises(ValueError, match="digits"):
        storable({"n": [10**5000]})


def test_nesting_without_end_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="without end"):
        storable(loop)


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        "done",
        Finished({"a": {1, 2}}),
        Finished([1]),  # type: ignore[arg-type]
        Failed(None),  # type: ignore[arg-type]
        Retry("x", after="soon"),  # type: ignore[arg-type]
        Retry("x", after=math.nan),
        Release("x", after=math.inf),
    ],
)
def test_a_wrong_outcome_is_a_failure_that_says_so(outcome: object) -> None:
    message = outcome_message(outcome)  # type: ignore[arg-type]
    assert message["type"] == "failed" and "cannot be stored" in message["error"]


def test_pauses_have_bounds() -> None:
    assert outcome_message(Release("x", after=1e12))["after"] == LONGEST_PAUSE
    assert outcome_message(Retry("x", after=-5))["after"] == 0
    assert outcome_message(Retry("x"))["after"] is None


def test_what_is_larger_than_any_engine_takes_is_a_failure_that_says_so() -> None:
    with pytest.raises(ValueError, match="at most 4,194,304 are kept"):
        storable({"text": "x" * (LARGEST + 1)})
    message = outcome_message(Finished({"text": "x" * LARGEST_RESULT}))
    assert message["type"] == "failed" and "at most 67,108,864 are kept" in message["error"]


def test_a_result_beyond_the_limit_is_told_by_its_beginning_and_in_parts() -> None:
    names = [f"n{n}" for n in range(5000)]
    result: dict[str, Any] = {"count": 3, "identifiers": {"identifier": names}}
    assert "parts" not in outcome_message(Finished(result), 1 << 20)
    for outcome in (Finished(result), Failed("why", result)):
        message = outcome_message(outcome, 4096)
        kept = message["result"]["identifiers"]["identifier"]
        assert message["result"]["count"] == 3 and message["result"]["result_note"]
        assert 10 < len(kept) and kept == names[: len(kept)]
        assert "n4999" in message["parts"][-1]
