"""Checking what a client sent against what an action declares, before anything is stored."""

import re
from collections.abc import Mapping
from typing import Protocol

from connector.actions.action import InvalidParameter, Parameter
from connector.actions.sealing import is_secret

_BOOLEANS = {
    **dict.fromkeys(("true", "on", "y", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "n", "no", "0"), False),
}

# Stricter than int(), which takes underscores and every script's digits; 18 fit every column.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")

Value = str | int | bool


class Takes(Protocol):
    """Whatever declares parameters."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it takes."""


def checked(action: Takes, sent: Mapping[str, str]) -> dict[str, Value]:
    """Return typed values by declared name, defaults filled in; names are sent in any case.

    What the action does not declare is ignored, as ACI servers do. Raises InvalidParameter.
    """
    given = {name.casefold(): value for name, value in sent.items()}
    values: dict[str, Value] = {}
    for parameter in action.parameters:
        text = given.get(parameter.name.casefold())
        if text is None or text == "":
            if parameter.required:
                raise InvalidParameter(parameter.name, _wanted(parameter), absent=True)
            if parameter.default is not None:
                values[parameter.name] = parameter.default
            continue
        value = _read(parameter, text)
        if value is None:
            shown = None if is_secret(parameter) else text
            raise InvalidParameter(parameter.name, _expected(parameter), shown)
        values[parameter.name] = value
    return values


def _read(parameter: Parameter, text: str) -> Value | None:
    match parameter.kind:
        case "integer":
            return int(text) if _INTEGER.fullmatch(text.strip()) else None
        case "boolean":
            return _BOOLEANS.get(text.strip().casefold())
        case "choice":
            by_name = {choice.casefold(): choice for choice in parameter.choices}
            return by_name.get(text.strip().casefold())
        case "text":
            return text


def _wanted(parameter: Parameter) -> str:
    """Return what a missing parameter is for: its help, unless its kind says more."""
    if parameter.kind == "choice" or not parameter.help:
        return _expected(parameter)
    return f"{_expected(parameter)}; {parameter.help.rstrip('.')}"


def _expected(parameter: Parameter) -> str:
    match parameter.kind:
        case "integer":
            return "a whole number"
        case "boolean":
            return "true or false"
        case "choice":
            return "one of " + ", ".join(parameter.choices)
        case "text":
            return "a text"
