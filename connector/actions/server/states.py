"""What fetch tasks had seen and sent, put back from a backup."""

from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Any

from connector.actions.action import Context
from connector.actions.server.archive import Archive
from connector.datastore import backup as datastore
from connector.datastore.backup import Found
from connector.datastore.holding import Holder
from connector.datastore.tables import task_items, task_rooms, tasks
from connector.db.copying import Row
from connector.db.engine import Database

BATCH = 500
"""Rooms or items stored in one transaction."""

Fenced = Callable[..., Any]
"""Does something in one transaction, while the action is still this attempt's."""


class TaskStates:
    """The states of tasks in a backup: put back where a task has none, else left alone.

    A task is held until all of its state is there, so no fetch can take half of it for the whole.
    """

    def __init__(
        self, archive: Archive, context: Context, fenced: Fenced, database: Database
    ) -> None:
        self._archive, self._context = archive, context
        self._fenced, self._database = fenced, database

    def put(self) -> dict[str, Any]:
        """Put them back; return the names of those that were, and of those that were there.

        Raises HolderLost, LeaseLost.
        """
        saved = list(self._archive.rows(tasks.name))
        found = {row["task"]: self._fenced(datastore.take, self._holder(row)) for row in saved}
        begun = {task for task, what in found.items() if what is Found.NOTHING}
        for table in (task_rooms, task_items):
            rows = self._archive.rows(table.name)
            for batch in _batches(row for row in rows if row["task"] in begun):
                self._database.run(datastore.put, self._holder(batch[0]), table, batch)
                self._context.progress(task=batch[0]["task"], table=table.name)
        for row in saved:
            if row["task"] in begun:
                self._database.run(datastore.complete, self._holder(row), row)
        names = sorted(found)
        return {
            "success": [name for name in names if found[name] is not Found.OTHER],
            "present": [name for name in names if found[name] is Found.OTHER],
        }

    def _holder(self, row: Row) -> Holder:
        return Holder(row["task"], self._context.token, self._context.attempt)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows of one task at a time, not too many at once."""
    for _, of_task in groupby(rows, lambda row: row["task"]):
        while batch := list(islice(of_task, BATCH)):
            yield batch
