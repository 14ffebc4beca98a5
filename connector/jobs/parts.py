"""A large result taken apart, so that it can be stored and sent piece by piece.

Long lists are taken out of it: their members go into parts of their own, each a JSON list of some
of them. In the tree that is left a hole stands where they were. Part 0 is the head, which tells of
the others; then comes the tree, in pieces of its text; then the members, in the order of the tree.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.jobs.cutting import json_of, size_of

PART = 256 << 10
"""Bytes of a part at most: less than any engine takes in one statement, with room for escapes."""

LEAST = PART // 16
"""Bytes of members that are worth a hole."""

DEEPEST = 20
"""Levels of a result that are looked through for long lists; what lies deeper stays in the tree."""


@dataclass(frozen=True, slots=True)
class Run:
    """The members of a list that stand in a hole.

    `name`: of their elements; `depth`: at which these stand, those of the result itself being at 1;
    `first` and `parts`: the number of the first part that holds some, and how many do.
    """

    name: str
    depth: int
    first: int
    parts: int


@dataclass(frozen=True, slots=True)
class Head:
    """What part 0 says. `hole`: how the text of each hole begins; it ends with the run's number."""

    hole: str
    pieces: int
    runs: tuple[Run, ...]

    @classmethod
    def read(cls, text: str) -> "Head":
        """Return what a part 0 says. Raises KeyError, TypeError, ValueError if it is none."""
        told = json.loads(text)
        runs = tuple(Run(**run) for run in told["runs"])
        return cls(str(told["hole"]), int(told["pieces"]), runs)

    def text(self) -> str:
        """Return it as a part."""
        runs = [
            {"name": run.name, "depth": run.depth, "first": run.first, "parts": run.parts}
            for run in self.runs
        ]
        return json_of({"hole": self.hole, "pieces": self.pieces, "runs": runs})


def hole(beginning: str, number: int) -> str:
    """Return the text of a hole."""
    return f"{beginning}{number:04x}"


def taken_apart(result: Mapping[str, Any]) -> list[str]:
    """Return the parts of a result, each a text of at most `PART` bytes or little more."""
    knife = _Knife()
    whole = {name: result[name] for name in sorted(result)}
    tree = whole if "$" in whole else knife.mapping(whole, 0)  # as of any element with text
    pieces = list(_pieces(json_of(tree)))
    before = 1 + len(pieces)
    runs = [Run(run.name, run.depth, before + run.first, run.parts) for run in knife.runs]
    return [Head(knife.beginning, len(pieces), tuple(runs)).text(), *pieces, *knife.members]


class _Knife:
    """Takes lists out of a tree."""

    def __init__(self) -> None:
        # Nobody who has made the result can have known it.
        self.beginning = uuid.uuid4().hex
        self.runs: list[Run] = []
        self.members: list[str] = []

    def mapping(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        # Only what becomes elements: "@" are attributes, "$" is text.
        return {
            name: child if name[:1] == "@" else self._child(name, child, depth + 1)
            for name, child in value.items()
        }

    def _child(self, name: str, value: Any, depth: int) -> Any:
        if depth > DEEPEST or not isinstance(value, list | Mapping):
            return value
        if isinstance(value, list):
            return self._list(name, list(_flat(value)), depth)
        # Beside text every blank counts, so there is nothing to tell a hole by.
        return value if "$" in value else self.mapping(value, depth)

    def _list(self, name: str, members: Sequence[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        run: list[Any] = []
        texts: list[str] = []
        for member in members:
            text = json_of(member)
            if size_of(text) <= PART:
                run.append(member)
                texts.append(text)
                continue
            kept += self._taken(name, run, texts, depth)
            kept.append(self._child(name, member, depth))
            run, texts = [], []
        return kept + self._taken(name, run, texts, depth)

    def _taken(self, name: str, run: list[Any], texts: list[str], depth: int) -> list[Any]:
        """Return what stays in the list of some of its members: all of them, or a hole."""
        if sum(map(size_of, texts)) < LEAST:
            return run
        first = len(self.members)
        self.members += _grouped(texts)
        self.runs.append(Run(name, depth, first, len(self.members) - first))
        return [hole(self.beginning, len(self.runs) - 1)]


def _grouped(texts: Sequence[str]) -> Iterator[str]:
    """Yield JSON lists of at most `PART` bytes or little more."""
    some: list[str] = []
    size = 0
    for text in texts:
        length = size_of(text) + 1
        if some and size + length > PART:
            yield f"[{','.join(some)}]"
            some, size = [], 0
        some.append(text)
        size += length
    yield f"[{','.join(some)}]"


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of at most `PART` bytes."""
    length = PART if text.isascii() else PART // 4
    for start in range(0, len(text), length):
        yield text[start : start + length]


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    """Yield the members of a list and of the lists in it, as every format shows them."""
    pending = [iter(values)]
    while pending:
        for value in pending[-1]:
            if isinstance(value, list):
                pending.append(iter(value))
                break
            yield value
        else:
            pending.pop()
