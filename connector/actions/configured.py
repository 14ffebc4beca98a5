"""Actions of which a request may set settings for one run: what it brought becomes the settings."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from connector.actions.action import Action
from connector.actions.registry import tasks_of
from connector.config import Settings, by_request


@runtime_checkable
class TakesSettings(Protocol):
    """A built-in action that runs on settings of which a request may bring some."""

    def with_settings(self, settings: Settings) -> Action:
        """Return the action as it is with other settings; this one stays as it is."""


def brings_settings(action: Action, sent: Mapping[str, str]) -> bool:
    """Whether a request brings settings.

    What an action declares itself is its own, whatever that is called.
    """
    found = [name for name in sent if by_request.names_setting(name)]
    if sent.get(by_request.CONFIG):
        found.append(by_request.CONFIG)
    if not found:
        return False
    declared = {each.name.casefold() for each in action.parameters}
    return any(name.casefold() not in declared for name in found)


def to_run(
    action: Action, parameters: Mapping[str, Any], settings: Settings
) -> tuple[Action, Mapping[str, Any]]:
    """Return an action as this run of it wants it, and the parameters that are the action's own.

    Without settings of its request it is the action itself. Raises Refused: they cannot be used
    here, and InvalidParameter.
    """
    if by_request.CONFIG not in parameters or not isinstance(action, TakesSettings):
        return action, parameters
    own = {name: value for name, value in parameters.items() if name != by_request.CONFIG}
    given = by_request.restored(parameters[by_request.CONFIG])
    merged, _ = by_request.merged(settings, tasks_of(action, own) or (), given)
    return action.with_settings(merged), own
