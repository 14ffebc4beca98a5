"""Which configuration an action runs with: the server's, and what its request brought, in short.

`1f0c2a9b4d7e` or, with settings of the request, `1f0c2a9b4d7e+8a6e01c3b5f2`. A claim puts the first
part anew, for the worker that runs it may have another file; the second goes with the action.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

LENGTH = 12
"""Characters of each part."""


def of_request(server: str, brought: str) -> str:
    """Return the hash for an action whose request brought settings with this digest."""
    return f"{server}+{brought[:LENGTH]}"


@lru_cache
def claimed_by(server: str | None) -> Mapping[str, ColumnElement[Any]]:
    """Return what a claim by a worker with this hash writes; nothing if it has none.

    In plain text, and made once: claims are many, and this stands in each.
    """
    if server is None:
        return {}
    kept = sa.literal_column(f"substr(coalesce(config_hash, ''), {LENGTH + 1})", sa.Text)
    return {"config_hash": sa.literal(server) + kept}
