"""Plans of statements, as far as they say how rows of large tables are found."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Database, Tx

LARGE = {"jobs", "job_progress", "job_events", "workers"}
"""Tables of which a plan is asked how it reads them; the others are a page or two."""


PLACE = re.compile(r"%\((\w+)\)s")
"""Where a value goes into a statement, as psycopg writes it."""


class Shapes:
    """How PostgreSQL means to carry out what it is sent.

    `generic`: whatever the values are, as it plans a statement that a session has often sent.
    """

    def __init__(self, database: Database, *, generic: bool) -> None:
        self._database = database
        self._generic = generic
        self._found: list[list[str]] = []

    def of(self, work: Callable[..., Any], *arguments: object, **named: object) -> list[list[str]]:
        """Do the work in one transaction, and take it back; return a shape for each statement."""
        self._found = []

        def explained(tx: Tx) -> None:
            sa.event.listen(tx.connection, "before_cursor_execute", self._explain)
            step = tx.connection.begin_nested()
            try:
                work(tx, *arguments, **named)
            finally:
                step.rollback()
                sa.event.remove(tx.connection, "before_cursor_execute", self._explain)

        self._database.run(explained)
        return [shape for shape in self._found if shape]

    def _explain(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, *_: object
    ) -> None:
        if statement.startswith(("SAVEPOINT", "ROLLBACK")):
            return
        if self._generic:
            names = list(dict.fromkeys(PLACE.findall(statement)))
            numbered = PLACE.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
            cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}")
        else:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        (found,) = cursor.fetchone()
        self._found.append(list(_reads(found[0]["Plan"])))


def _reads(plan: dict[str, Any]) -> Iterator[str]:
    """Yield how each large table is read, and what is sorted, from the top of a plan down."""
    kind = plan["Node Type"]
    index, table = plan.get("Index Name"), plan.get("Relation Name")
    if kind.endswith("Scan") and (index or table in LARGE):
        yield f"{kind} {index or table}"
    elif "Sort" in kind or kind in ("Nested Loop", "Hash Join", "Merge Join"):
        yield kind
    for part in plan.get("Plans", []):
        yield from _reads(part)
