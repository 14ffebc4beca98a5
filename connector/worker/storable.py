"""What an action tells, made fit to be stored: whatever it is, it must not trouble the worker."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from connector.actions.action import Failed, Finished, Outcome, Release, Retry
from connector.worker.channel import Message

LONGEST_PAUSE = 30 * 86400.0
"""Seconds; a longer pause is taken for this."""

LARGEST = 4 << 20
"""Bytes of a result, a checkpoint or progress: less than any engine takes in one statement."""

# What no database keeps in a text: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return a JSON value that every engine takes; characters that none takes become U+FFFD.

    Raises ValueError for what is no JSON: NaN, a set, a key that is no text, nesting without end.
    """
    try:
        stored = _storable(value)
        size = len(json.dumps(stored, ensure_ascii=False).encode())
    except RecursionError:
        raise ValueError("it is nested without end") from None
    if size > LARGEST:
        raise ValueError(f"it is {size:,} bytes of JSON; at most {LARGEST:,} are kept")
    return stored


def _storable(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"JSON has no {value}")
            return value
        case str():
            return text(value)
        case list() | tuple():
            return [_storable(each) for each in value]
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise ValueError("JSON has only texts as keys")
            return {text(key): _storable(each) for key, each in value.items()}
    raise ValueError(f"JSON has no {type(value).__name__}")


def text(value: str) -> str:
    """Return a text that every engine takes."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def outcome_message(outcome: Outcome) -> Message:
    """Return the message that tells the worker of an outcome; of a wrong one, that it failed."""
    try:
        return _message(outcome)
    except (TypeError, ValueError) as error:
        said = f"the action ended, but what it returned cannot be stored: {error}"
        return {"type": "failed", "error": text(said), "result": {}}


def _message(outcome: Outcome) -> Message:
    match outcome:
        case Finished(result):
            return {"type": "finished", "result": _elements(result)}
        case Failed(error, result):
            return {"type": "failed", "error": text(error), "result": _elements(result)}
        case Retry(error, after):
            pause = None if after is None else _pause(after)
            return {"type": "retry", "error": text(error), "after": pause}
        case Release(reason, after):
            return {"type": "release", "reason": text(reason), "after": _pause(after)}
    raise TypeError(f"{type(outcome).__name__} is no outcome: Finished, Failed, Retry or Release")


def _elements(result: object) -> dict[str, Any]:
    if not isinstance(result, Mapping):
        raise TypeError(f"a result is a mapping of elements, not {type(result).__name__}")
    elements: dict[str, Any] = storable(result)
    return elements


def _pause(after: float) -> float:
    if not isinstance(after, int | float) or not math.isfinite(after):
        raise TypeError(f"a pause is a number of seconds, not {after!r}")
    return min(max(0.0, after), LONGEST_PAUSE)
