"""Secret parameters: encrypted before an action is stored, decrypted where it runs.

A row holds `{"$secret": "…"}` in the place of the value.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.actions.action import Action, Parameter
from connector.config.secrecy import sounds_secret
from connector.config.values import MASK

if TYPE_CHECKING:
    from connector.config.keyring import Keyring

# Its library is loaded where a secret is met: most servers never meet one.

SEALED = "$secret"


def is_secret(parameter: Parameter) -> bool:
    """Say whether nobody may see what a parameter holds: its action says so, or its name does."""
    return parameter.secret or _sounds_secret(parameter.name)


_sounds_secret = cache(sounds_secret)
"""Of names that actions declare, of which there are few."""


def secrets(action: Action, values: Mapping[str, Any]) -> set[str]:
    """Return the names of the secret parameters that were given."""
    return {each.name for each in action.parameters if each.name in values and is_secret(each)}


def sealed(values: Mapping[str, Any], names: set[str], keys: "Keyring") -> dict[str, Any]:
    """Return the values with those of these names encrypted."""
    return {
        name: {SEALED: keys.encrypt(json.dumps(value))} if name in names else value
        for name, value in values.items()
    }


def comparable(values: Mapping[str, Any], names: set[str], keys: "Keyring") -> dict[str, Any]:
    """Return the values with those of these names replaced by what is equal if they are."""
    return {
        name: keys.digest(json.dumps(value)) if name in names else value
        for name, value in values.items()
    }


def opened(parameters: Mapping[str, Any], key_file: Path) -> Mapping[str, Any]:
    """Return the parameters as they were sent. Raises NoKey, naming the key file."""
    if not any(map(is_sealed, parameters.values())):
        return parameters
    from connector.config import keyring
    from connector.config.keyfile import NoKey

    try:
        keys = keyring.load(key_file)
        return {
            name: json.loads(keys.decrypt(value[SEALED])) if is_sealed(value) else value
            for name, value in parameters.items()
        }
    except NoKey as error:
        raise NoKey(
            f"its secret parameters cannot be decrypted with {key_file}: {error}; give every host "
            "the same key file ([Paths] KeyFile)"
        ) from None


def masked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as anybody may see them, also of a row that was made by hand."""
    return {
        name: MASK if is_sealed(value) or sounds_secret(name) else value
        for name, value in parameters.items()
    }


def is_sealed(value: object) -> bool:
    """Say whether this is an encrypted value."""
    return isinstance(value, dict) and isinstance(value.get(SEALED), str)
