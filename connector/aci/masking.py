"""Which parameters of a request nobody may see again: by what they are called, or as declared."""

import functools
import re
from collections.abc import Mapping

from connector.actions.action import Action
from connector.config.by_request import names_setting
from connector.config.values import MASK

_WORDS = re.compile(
    "passw|passphrase|secret|apikey|accesskey|privatekey|credential|authorization|cookie|bearer|"
    "(access|refresh|auth|api)token"
)
_SIGNS = re.compile(r"[\W_]+")

_WHOLE = "config"
"""Of this the word alone is meant: a configuration may hold any secret."""


class Masking:
    """What to show of the parameters of each action. `actions`: those that may declare secrets."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._declared = {
            (action.name.casefold(), each.name.casefold())
            for action in actions.values()
            for each in action.parameters
            if each.secret
        }

    def shown(self, action: str, name: str, value: str) -> str:
        """Return the value, or the mask in its place. Action and name are in any case."""
        declared = (action.strip().casefold(), name.casefold()) in self._declared
        return MASK if declared or names_setting(name) or sounds_secret(name) else value


@functools.lru_cache(maxsize=1024)
def sounds_secret(name: str) -> bool:
    """Whether a parameter of this name is a secret, whoever declares it or not.

    Signs do not count: `[Webex]Access_Token` is as `AccessToken`.
    """
    if len(name) > 200:
        return True
    plain = _SIGNS.sub("", name.casefold())
    return plain == _WHOLE or _WORDS.search(plain) is not None
