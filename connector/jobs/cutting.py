"""The beginning of a result that is too large: what stands in the row of the job in its place.

Its shape is that of the whole: what is small is kept as it is, lists lose members at their end,
texts characters. So whoever reads a few counts, or the first of many, reads the same as in the
whole.
"""

import json
from collections.abc import Mapping
from typing import Any

NOTE = "result_note"
"""The element that says of a result that it is not whole, and where the whole is."""

ASK = "GetResults"
"""The QueueAction that answers the whole."""

MOST_KEPT = 256 << 10
"""Bytes of JSON that are kept of a result at most, however large one may be that is not cut."""

DEEPEST = 50
"""Levels of a beginning: what lies deeper is empty."""


# Made once: it is called for each of a million members.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_of(value: Any) -> str:
    """Return a JSON value as the text by which its size is measured."""
    return _ENCODER.encode(value)


def size_of(text: str) -> int:
    """Return how many bytes a text has in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def beginning(result: Mapping[str, Any], size: int, limit: int) -> dict[str, Any]:
    """Return the beginning of a result of `size` bytes, with a note; well below `limit` bytes."""
    note = {
        "@queueaction": ASK,
        "@size": size,
        "$": f"This is the beginning of a result of {size} bytes. QueueInfo with QueueAction={ASK} "
        "and this Token answers all of it.",
    }
    most = min(limit // 4, MOST_KEPT) - size_of(json_of({NOTE: note}))
    others = {name: value for name, value in result.items() if name != NOTE}
    return {**_mapping(others, most, 0), NOTE: note}


def _cut(value: Any, most: int, depth: int) -> Any:
    """Return as much of the beginning of a value as fits into `most` bytes of JSON, or nearly."""
    if not isinstance(value, str | list | Mapping) or size_of(json_of(value)) <= most:
        return value
    if isinstance(value, str):
        return _text(value, most)
    if depth > DEEPEST:
        return [] if isinstance(value, list) else {}
    if isinstance(value, list):
        return _list(value, most, depth)
    return _mapping(value, most, depth)


def _text(value: str, most: int) -> str:
    kept = value[: max(0, most - 2)]
    while kept and (size := size_of(json_of(kept))) > most:
        kept = kept[: min(len(kept) - 1, len(kept) * most // size)]
    return kept


def _list(value: list[Any], most: int, depth: int) -> list[Any]:
    kept: list[Any] = []
    left = most - 2
    for member in value:
        size = size_of(json_of(member)) + 1
        if size > left:
            # Half of one is better than none.
            return kept or [_cut(member, left - 1, depth + 1)]
        kept.append(member)
        left -= size
    return kept


def _mapping(value: Mapping[str, Any], most: int, depth: int) -> dict[str, Any]:
    """Share the room among the members: what is small is kept whole, what is large has the rest."""
    names = {name: size_of(json_of(name)) + 2 for name in value}
    left = most - 2 - sum(names.values())
    if left < 0:
        return _first(value, most)
    sizes = {name: size_of(json_of(member)) for name, member in value.items()}
    given = {}
    for number, name in enumerate(sorted(sizes, key=sizes.__getitem__)):
        given[name] = min(sizes[name], left // (len(sizes) - number))
        left -= given[name]
    return {name: _cut(member, given[name], depth + 1) for name, member in value.items()}


def _first(value: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the first members of a mapping that has too many."""
    kept: dict[str, Any] = {}
    left = most - 2
    for name, member in value.items():
        left -= size_of(json_of({name: member})) - 1
        if left < 0:
            break
        kept[name] = member
    return kept
