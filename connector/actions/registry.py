"""Which asynchronous actions this server has."""

from collections.abc import Callable
from importlib.metadata import entry_points

from connector.actions.action import Action
from connector.config import Settings
from connector.db.engine import Database

GROUP = "webex_connector.actions"


def names() -> tuple[str, ...]:
    """Return the names of all actions without loading what they need."""
    return tuple(entry.name for entry in entry_points(group=GROUP))


def actions(settings: Settings, open_database: Callable[[], Database]) -> dict[str, Action]:
    """Return every action by name."""
    found: dict[str, Action] = {}
    for entry in entry_points(group=GROUP):
        action: Action = entry.load()()
        found[action.name] = action
    return found
