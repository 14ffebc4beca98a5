"""A large result is cut to a beginning of the same shape, and taken apart without loss."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.jobs import parts
from connector.jobs.cutting import NOTE, beginning, json_of, size_of
from connector.jobs.parts import Head, hole, taken_apart

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.dictionaries(st.sampled_from(["a", "b", "@c", "$", "d"]) | st.text(), inner)
    ),
    max_leaves=60,
)
RESULTS = st.dictionaries(st.text(), JSON)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 40)
    monkeypatch.setattr(parts, "LEAST", 12)


def put_together(found: list[str]) -> Any:
    """Return the result again, its lists flat, as every format shows them."""
    head = Head.read(found[0])
    tree = json.loads("".join(found[1 : 1 + head.pieces]))
    holes = {hole(head.hole, number): run for number, run in enumerate(head.runs)}

    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: filled(child) for name, child in value.items()}
        if not isinstance(value, list):
            return value
        members = []
        for child in value:
            if isinstance(child, str) and child in holes:
                run = holes[child]
                for part in found[run.first : run.first + run.parts]:
                    members += json.loads(part)
            else:
                members.append(filled(child))
        return members

    return filled(tree)


def flat(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: flat(child) for name, child in value.items()}
    return list(leaves(value)) if isinstance(value, list) else value


def leaves(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from leaves(value)
        else:
            yield flat(value)


@settings(deadline=None)
@given(RESULTS)
def test_what_is_taken_apart_can_be_put_together_again(result: dict[str, Any]) -> None:
    found = taken_apart(result)
    assert flat(put_together(found)) == flat(result)
    pieces = Head.read(found[0]).pieces
    assert all(size_of(piece) <= parts.PART for piece in found[1 : 1 + pieces])
    assert all(size_of(part) <= parts.PART + 2 for part in found[1 + pieces :])


def test_long_lists_are_taken_out_wherever_they_are() -> None:
    names = [f"name {n}" for n in range(20)]
    result = {
        "text": "x" * 100,
        "tasks": {"success": ["one"], "failed": [{"@message": "m", "of": names}, *names]},
        "identifiers": [{"@self": "A", "identifier": names}, {"@self": "B", "identifier": names}],
    }
    head = Head.read(taken_apart(result)[0])
    assert [(run.name, run.depth) for run in head.runs] == [
        ("identifier", 2),
        ("identifier", 2),
        ("of", 3),
        ("failed", 2),
    ]
    assert all(run.parts > 1 for run in head.runs)


def test_nothing_is_taken_out_beside_text_or_of_an_attribute() -> None:
    names = [f"name {n}" for n in range(20)]
    result = {"a": {"$": "text", "b": names}, "c": {"@d": names}}
    assert Head.read(taken_apart(result)[0]).runs == ()


def prefix(kept: Any, whole: Any) -> bool:
    """Say whether this is the beginning of that: of each list and text, and of each member kept."""
    if isinstance(whole, str):
        return isinstance(kept, str) and whole.startswith(kept)
    if isinstance(whole, list):
        return isinstance(kept, list) and all(map(prefix, kept, whole)) and len(kept) <= len(whole)
    if isinstance(whole, Mapping):
        return kept.keys() <= whole.keys() and all(prefix(kept[k], whole[k]) for k in kept)
    return bool(kept == whole)


@settings(deadline=None)
@given(RESULTS)
def test_a_beginning_is_a_true_one(result: dict[str, Any]) -> None:
    kept = beginning(result, 10_000, 1600)
    note = kept.pop(NOTE)
    assert note["@size"] == 10_000 and note["@queueaction"] == "GetResults"
    result.pop(NOTE, None)
    assert prefix(kept, result)


def test_what_is_small_is_whole_in_a_beginning_and_what_is_large_has_the_rest() -> None:
    counts = {"documentcount": [{"@task": "A", "@errors": "1"}]}
    names = [{"@name": f"n{n}", "$": "é" * 50} for n in range(10_000)]
    result = {"documentcounts": counts, "identifiers": [{"identifier": names}], "zone": "here"}
    size = size_of(json_of(result))
    kept = beginning(result, size, 1 << 20)
    assert kept["documentcounts"] == counts and kept["zone"] == "here"
    first = kept["identifiers"][0]["identifier"]
    assert first == names[: len(first)]
    assert 200_000 < size_of(json_of(kept)) <= (1 << 20) // 4
    assert str(size) in kept[NOTE]["$"]


@pytest.mark.parametrize(
    "result",
    [
        {"text": "é" * 50_000},
        {"text": '"' * 50_000},
        {f"n{n}": n for n in range(10_000)},
        {"lists": [["x" * 30] * 1000] * 10},
        {"list": ["x" * 50_000, "y"]},
    ],
    ids=["text", "escapes", "mapping", "lists", "one member"],
)
def test_a_beginning_fits_and_is_not_empty(result: dict[str, Any]) -> None:
    kept = beginning(result, 50_000, 8192)
    assert 1000 < size_of(json_of(kept)) <= 2048
    assert prefix({k: v for k, v in kept.items() if k != NOTE}, result)


def test_however_deep_a_result_is_it_has_a_beginning_and_parts() -> None:
    deep: Any = ["x" * 100]
    for _ in range(200):
        deep = {"v": [deep]}
    result = {"deep": deep}
    assert size_of(json_of(beginning(result, 1000, 4096))) < 4096
    assert put_together(taken_apart(result)) == result
