"""The action Fetch: what is to be done with Webex is said by its parameter FetchAction.

What it declares stands here, what it does in `work`, which imports much: whoever only takes or
hands out actions does without.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from connector.actions.action import Context, InvalidParameter, Outcome, Parameter
from connector.config import Settings
from connector.db.engine import Database

FETCH_ACTIONS = ("Synchronize",)
"""The values of FetchAction."""


class Fetch:
    """Fetches from Webex, one fetch task of the configuration after another."""

    name: ClassVar[str] = "Fetch"
    help: ClassVar[str] = "Fetch messages and files from Webex and deliver them as documents."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "FetchAction",
            "What to do: Synchronize delivers what is new, edited or deleted since the last time.",
            kind="choice",
            required=True,
            choices=FETCH_ACTIONS,
        ),
        Parameter("TaskSections", "Names of fetch tasks, separated by commas; all if left out."),
    )
    pausable: ClassVar[bool] = True

    def __init__(self, settings: Settings, open_database: Callable[[], Database]) -> None:
        self._settings = settings
        self._known = tuple(task.name for task in settings.tasks)
        self._open_database = open_database

    def tasks_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the fetch tasks that TaskSections names, or all. Raises InvalidParameter."""
        known = self._known
        if not known:
            raise InvalidParameter(
                "TaskSections",
                "a fetch task of the configuration, and it has none: list one in [FetchTasks]",
                absent=True,
            )
        if not (sections := parameters.get("TaskSections")):
            return known
        named = [name.strip().upper() for name in sections.split(",")]
        wanted = [name for name in named if name] or known
        for name in wanted:
            if name not in known:
                raise InvalidParameter("TaskSections", f"one or more of {', '.join(known)}", name)
        return tuple(dict.fromkeys(wanted))

    def with_settings(self, settings: Settings) -> "Fetch":
        """Return Fetch with other settings, on the same database."""
        return Fetch(settings, self._open_database)

    def prepare(self) -> None:
        """Import what it runs on."""
        import connector.actions.fetch.work  # noqa: F401

    def run(self, context: Context) -> Outcome:
        """Do the fetch action with each task; one task that fails does not keep the others."""
        from connector.actions.fetch import work

        tasks = self.tasks_of(context.parameters)
        return work.run(self._settings, tasks, self._open_database, context)
