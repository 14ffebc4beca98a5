"""Which parameters of a request nobody may see again: by what they are called, or as declared."""

from collections.abc import Mapping

from connector.actions.action import Action
from connector.actions.sealing import is_secret
from connector.config.by_request import names_setting
from connector.config.secrecy import sounds_secret
from connector.config.values import MASK


class Masking:
    """What to show of the parameters of each action. `actions`: those that may declare secrets."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._declared = {
            (action.name.casefold(), each.name.casefold())
            for action in actions.values()
            for each in action.parameters
            if is_secret(each)
        }

    def shown(self, action: str, name: str, value: str) -> str:
        """Return the value, or the mask in its place. Action and name are in any case."""
        declared = (action.strip().casefold(), name.casefold()) in self._declared
        return MASK if declared or names_setting(name) or sounds_secret(name) else value
