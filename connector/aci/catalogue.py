"""Every action of a server and what each takes, for people: in Help, and in the documentation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.aci.declared import ASYNCHRONOUS, COMMON, QUEUE_INFO, SETTINGS, STANDARD, Declared
from connector.aci.permissions import Role, role_for
from connector.actions.action import Action, Parameter
from connector.actions.configured import TakesSettings
from connector.actions.sealing import is_secret


@dataclass(frozen=True)
class Entry:
    """One action. `asynchronous`: it is stored, and answers a token."""

    name: str
    aliases: tuple[str, ...]
    help: str
    asynchronous: bool
    parameters: tuple[Parameter, ...]

    @property
    def role(self) -> Role:
        """The role that it wants."""
        return role_for(self.name, asynchronous=self.asynchronous)


def entries(actions: Mapping[str, Action]) -> Iterator[Entry]:
    """Return all actions: those that are stored, QueueInfo, those about the server."""
    for action in actions.values():
        besides = (*ASYNCHRONOUS, *(SETTINGS if isinstance(action, TakesSettings) else ()))
        yield Entry(action.name, (), action.help, True, (*action.parameters, *besides))
    for declared in (QUEUE_INFO, *STANDARD):
        yield _at_once(declared)


def common() -> tuple[Parameter, ...]:
    """Return what all of them take besides."""
    return COMMON


def kind(parameter: Parameter) -> str:
    """Say in words what a parameter may be."""
    match parameter.kind:
        case "integer":
            return "a whole number"
        case "boolean":
            return "true or false"
        case "choice":
            return ", ".join(parameter.choices)
        case "text":
            return "a text"


def default(parameter: Parameter) -> str:
    """Say what holds if a parameter is left out: `required`, a value, or nothing."""
    if parameter.required:
        return "required"
    if isinstance(parameter.default, bool):
        return str(parameter.default).lower()
    return "" if parameter.default is None else str(parameter.default)


def meaning(parameter: Parameter) -> str:
    """Say what a parameter is for."""
    return f"{parameter.help} Secret: stored encrypted." if is_secret(parameter) else parameter.help


def _at_once(declared: Declared) -> Entry:
    return Entry(declared.name, declared.aliases, declared.help, False, declared.parameters)
