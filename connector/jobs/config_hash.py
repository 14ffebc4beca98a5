"""Which configuration an action runs with: the server's, and what its request brought, in short.

`1f0c2a9b4d7e` or, with settings of the request, `1f0c2a9b4d7e+8a6e01c3b5f2`. A claim puts the first
part anew, for the worker that runs it may have another file; the second goes with the action.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.jobs.tables import jobs

LENGTH = 12
"""Characters of each part."""


def of_request(server: str, brought: str) -> str:
    """Return the hash for an action whose request brought settings with this digest."""
    return f"{server}+{brought[:LENGTH]}"


def claimed_by(server: str | None) -> dict[str, ColumnElement[Any]]:
    """Return what a claim by a worker with this hash writes; nothing if it has none."""
    if server is None:
        return {}
    of_request = sa.func.substr(sa.func.coalesce(jobs.c.config_hash, ""), LENGTH + 1)
    return {"config_hash": sa.literal(server) + sa.cast(of_request, sa.Text)}
