"""Tables on a terminal, in which nothing is cut off: it would be missing where it is copied."""

from collections.abc import Mapping

from rich.table import Column, Table

TOKEN = 36
"""Characters of a token."""


def table(*headers: str, whole: Mapping[str, int]) -> Table:
    """Return a table without rows. `whole`: columns that are never broken, and how wide they are.

    What is too wide for another column goes on in its next line.
    """
    columns = (
        Column(name, overflow="fold", no_wrap=name in whole, min_width=whole.get(name))
        for name in headers
    )
    return Table(*columns)
