"""Which asynchronous actions this server has: its own, and those that outside packages add."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, cast

from connector import log
from connector.actions.action import Action
from connector.config import Settings

if TYPE_CHECKING:
    from connector.db.engine import Database

GROUP = "webex_connector.actions"
"""The entry-point group: name of the action = class or instance that is an `Action`."""


class OpenDatabase(Protocol):
    """Opens the database, logged in as a kind of process or connection does."""

    def __call__(self, kind: str = "slot") -> "Database":
        """Return it; nothing is connected yet."""


BUILT_IN: dict[str, str] = {
    "Fetch": "connector.actions.fetch.fetch:Fetch",
    "PurgeDatastore": "connector.actions.server.purge:PurgeDatastore",
    "BackupServer": "connector.actions.server.backup:BackupServer",
    "RestoreServer": "connector.actions.server.restore:RestoreServer",
}
"""Name of an action to where it is: imported only where it is wanted."""

_log = log.logger(__name__)


class UnusableAction(Exception):
    """An outside action that cannot be used; the text names its package and what is wrong."""


def names() -> tuple[str, ...]:
    """Return the names of all actions without loading those of outside packages."""
    return (*BUILT_IN, *(entry.name for entry in entry_points(group=GROUP)))


def actions(settings: Settings, open_database: OpenDatabase) -> dict[str, Action]:
    """Return every action by name. An outside one that cannot be used is logged and left out."""
    found = {name: _built_in(name, settings, open_database) for name in BUILT_IN}
    for entry in entry_points(group=GROUP):
        try:
            action = _loaded(entry)
            if action.name.casefold() in {name.casefold() for name in found}:
                raise UnusableAction(f"there is already an action {action.name}")
        except UnusableAction as error:
            _log.error("action left out", action=entry.name, package=entry.value, why=str(error))
            continue
        found[action.name] = action
    return found


def action(name: str, settings: Settings, open_database: OpenDatabase) -> Action:
    """Return one action, and load no other. Raises UnusableAction, or KeyError for no such name."""
    if name in BUILT_IN:
        return _built_in(name, settings, open_database)
    return _loaded(entry_points(group=GROUP)[name])


def declared(name: str) -> Action:
    """Return the class of a built-in action, for what it declares; it cannot run. Raises KeyError.

    A class tells name, help and parameters as an instance does.
    """
    module, _, attribute = BUILT_IN[name].partition(":")
    found: Action = getattr(import_module(module), attribute)
    return found


def _built_in(name: str, settings: Settings, open_database: OpenDatabase) -> Action:
    made: Action = cast(Any, declared(name))(settings, open_database)
    return made


def tasks_of(action: Action, parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the tasks that an action with these parameters works on: it runs alone on each.

    None for an action without a method `tasks_of`. Raises InvalidParameter, also for values that
    the action refuses by its method `check_parameters`.
    """
    # Not by isinstance: of a protocol that takes as long as all the rest of a request's parameters.
    if (check := getattr(action, "check_parameters", None)) is not None:
        check(parameters)
    works_on = getattr(action, "tasks_of", None)
    return None if works_on is None else tuple(works_on(parameters))


def _loaded(entry: EntryPoint) -> Action:
    try:
        made = entry.load()
        action: Action = made() if isinstance(made, type) else made
        wanted = (action.name, action.help, action.pausable, action.run)
    except Exception as error:
        raise UnusableAction(f"it cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(wanted[0], str) or not wanted[0].isidentifier():
        raise UnusableAction("its name must be a word of letters, digits and underscores")
    if wanted[0] != entry.name:
        raise UnusableAction(f"its name {wanted[0]!r} differs from the entry point's")
    return action
