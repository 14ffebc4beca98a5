"""The content of a reply before it has a format.

A mapping is an element with children in its order. A key "@name" is an attribute, "$" the element's
text, a list an element that is repeated. Everything else is text: true and false for booleans,
nothing for None. This is the JSON in which results are stored, so any JSON is a valid tree:

    {"tasks": {"success": ["a", "b"], "failed": [{"@message": "Gone", "$": "c"}]}}
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Tree: TypeAlias = "Scalar | Mapping[str, Tree] | Sequence[Tree]"

MAX_DEPTH = 100
"""Levels shown; what lies deeper becomes `TOO_DEEP`. XML parsers commonly refuse more than 256."""

TOO_DEEP = "(nested too deeply to be shown)"


def text(value: Tree) -> str:
    """A scalar as every format writes it; another tree, where only text can stand, as its repr.

    What has no repr (nested without end, an integer of too many digits) becomes `TOO_DEEP`.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    try:
        return str(value)
    except (RecursionError, ValueError):
        return TOO_DEEP


def flat(values: Sequence[Tree]) -> Iterator[Tree]:
    """The members of a list; lists in lists have no meaning of their own and are joined."""
    pending = [iter(values)]
    while pending:
        for value in pending[-1]:
            if isinstance(value, list | tuple):
                pending.append(iter(value))
                break
            yield value
        else:
            pending.pop()
