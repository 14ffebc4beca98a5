"""The action PurgeDatastore: what a fetch task has seen and sent is forgotten.

Source: "purge the datastore" in the vendor's connector references. The queue is not concerned.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

from connector.actions.action import (
    Context,
    Finished,
    InvalidParameter,
    Outcome,
    Parameter,
    Release,
)
from connector.config import Settings
from connector.datastore import backup, holding
from connector.datastore.errors import HolderLost
from connector.datastore.holding import Holder
from connector.db.engine import Database, Tx
from connector.jobs import fence
from connector.jobs.errors import LeaseLost

ALL = "*"


class PurgeDatastore:
    """Has the next fetch of a task begin anew."""

    name: ClassVar[str] = "PurgeDatastore"
    help: ClassVar[str] = "Forget what a fetch task has seen and sent: its next fetch begins anew."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Section", "Name of a fetch task, or * for all that there are.", required=True),
    )
    pausable: ClassVar[bool] = True

    def __init__(self, settings: Settings, open_database: Callable[[str], Database]) -> None:
        self._settings = settings
        self._open_database = open_database

    def tasks_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the task that Section names, or all: no fetch runs on it meanwhile."""
        known = tuple(task.name for task in self._settings.tasks)
        name = str(parameters["Section"]).strip().upper()
        if name == ALL:
            return known
        if name not in known:
            raise InvalidParameter(
                "Section", f"one of {', '.join((*known, ALL))}", str(parameters["Section"])
            )
        return (name,)

    def run(self, context: Context) -> Outcome:
        """Forget task by task, in short transactions; again does no harm."""
        try:
            with closing(self._open_database("slot")) as database:
                names = list(self.tasks_of(context.parameters))
                if context.parameters["Section"].strip() == ALL:
                    # Also what tasks have left that the configuration has no more.
                    names += [x for x in database.read(backup.known) if x not in names]
                forgotten = [(name, _purge(database, context, name)) for name in names]
        except (HolderLost, LeaseLost) as error:
            return Release(str(error), 1.0)
        tasks = [{"@entries": number, "$": name} for name, number in forgotten]
        return Finished({"tasks": {"success": tasks}})


def _purge(database: Database, context: Context, name: str) -> int:
    holder = Holder(name, context.token, context.attempt)
    database.run(_hold, holder, context.worker_id)
    forgotten = 0
    while number := database.run(backup.forget, holder):
        forgotten += number
        context.progress(task=name, forgotten=forgotten)
    return forgotten


def _hold(tx: Tx, holder: Holder, worker_id: str) -> None:
    if not fence.holds(tx, holder.token, holder.attempt, worker_id):
        raise LeaseLost(holder.token, holder.attempt)
    holding.hold(tx, holder)
