"""What an action tells, made fit to be stored: whatever it is, it must not trouble the worker."""

import math
import re
from collections.abc import Mapping
from typing import Any

from connector.actions.action import Failed, Finished, Outcome, Release, Retry
from connector.jobs.cutting import beginning
from connector.jobs.parts import taken_apart
from connector.worker.channel import Message, json_bytes

LONGEST_PAUSE = 30 * 86400.0
"""Seconds; a longer pause is taken for this."""

LARGEST = 4 << 20
"""Bytes of a checkpoint or progress: less than any engine takes in one statement."""

LARGEST_RESULT = 64 << 20
"""Bytes of a result. Its worker holds it in memory until it is stored, in one transaction."""

# What no database keeps in a text: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return a JSON value that every engine takes; characters that none takes become U+FFFD.

    Raises ValueError for what is no JSON: NaN, a set, a key that is no text, nesting without end.
    """
    return _measured(value, LARGEST)[0]


def _measured(value: Any, most: int) -> tuple[Any, int]:
    """Return a storable value and how many bytes of JSON it is, at most so many."""
    try:
        stored = _storable(value)
        size = len(json_bytes(stored))
    except RecursionError:
        raise ValueError("it is nested without end") from None
    if size > most:
        raise ValueError(f"it is {size:,} bytes of JSON; at most {most:,} are kept")
    return stored, size


def _storable(value: Any) -> Any:
    match value:
        case str():
            return text(value)
        case None | bool():
            return value
        case int():
            int.__repr__(value)  # raises ValueError for one with more digits than are read again
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"JSON has no {value}")
            return value
        case list() | tuple():
            return [_storable(each) for each in value]
        case dict() | Mapping():  # the one that it nearly always is first: to ask it is quick
            return {_key(key): _storable(each) for key, each in value.items()}
    raise ValueError(f"JSON has no {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError("JSON has only texts as keys")
    return text(key)


def text(value: str) -> str:
    """Return a text that every engine takes."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def outcome_message(outcome: Outcome, limit: int = 1 << 20) -> Message:
    """Return the message that tells the worker of an outcome; of a wrong one, that it failed.

    `limit`: bytes of JSON beyond which a result is told by its beginning, and all of it in `parts`.
    """
    try:
        return _message(outcome, limit)
    except (TypeError, ValueError) as error:
        said = f"the action ended, but what it returned cannot be stored: {error}"
        return {"type": "failed", "error": text(said), "result": {}}


def _message(outcome: Outcome, limit: int) -> Message:
    match outcome:
        case Finished(result):
            return {"type": "finished", **_elements(result, limit)}
        case Failed(error, result):
            return {"type": "failed", "error": text(error), **_elements(result, limit)}
        case Retry(error, after):
            pause = None if after is None else _pause(after)
            return {"type": "retry", "error": text(error), "after": pause}
        case Release(reason, after):
            return {"type": "release", "reason": text(reason), "after": _pause(after)}
    raise TypeError(f"{type(outcome).__name__} is no outcome: Finished, Failed, Retry or Release")


def _elements(result: object, limit: int) -> Message:
    if not isinstance(result, dict | Mapping):  # the first of them is quick to ask for
        raise TypeError(f"a result is a mapping of elements, not {type(result).__name__}")
    if not result:  # of most runs
        return {"result": {}}
    elements, size = _measured(result, LARGEST_RESULT)
    if size <= limit:
        return {"result": elements}
    return {"result": beginning(elements, size, limit), "parts": taken_apart(elements)}


def _pause(after: float) -> float:
    if not isinstance(after, int | float) or not math.isfinite(after):
        raise TypeError(f"a pause is a number of seconds, not {after!r}")
    return min(max(0.0, after), LONGEST_PAUSE)
