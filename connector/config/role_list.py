"""The list of roles in ``[AuthorizationRoles]``: ``0=``, ``1=`` ..., each with a section."""

import re
from collections.abc import Collection, Iterator, Mapping

from connector.config.authorization import RoleSettings
from connector.config.build import Builder
from connector.config.ini import fold
from connector.config.secrecy import quotable
from connector.config.sources import Given, Layer, Table
from connector.config.tasks import is_task_name

ROLES = "AuthorizationRoles"

KERBEROS = "GSSPrincipals"


def role_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """The keys of ``[AuthorizationRoles]`` that number a role and stand in the environment."""
    for name in environ:
        if match := re.fullmatch(r"CONNECTOR_AUTHORIZATIONROLES_([0-9]+)", name, re.ASCII):
            yield match[1]


def role_names(table: Table, taken: Collection[str], problems: list[str]) -> list[str]:
    """Names of the roles in order; what is wrong with the list goes to ``problems``.

    ``taken`` are the names of sections that mean something else.
    """
    names: list[str] = []
    for given in _numbered(table):
        name = given.text.strip()
        if what := _fault(name, given, names, table, taken):
            problems.append(
                f'[{ROLES}] {given.key} ({given.source}) is "{quotable(given.text)}": {what}'
            )
        else:
            names.append(name)
    return names


def build_roles(builder: Builder, table: Table, names: Collection[str]) -> list[RoleSettings]:
    """Build the roles; problems go to the builder."""
    found = []
    for name in names:
        if principals := table.get(name, KERBEROS):
            builder.problems.append(
                f"[{name}] {KERBEROS} ({principals.source}): there is no Kerberos here; expected "
                "Clients, SSLIdentities, or an API key in its place"
            )
        if role := builder.build(RoleSettings, [name], {"name": name}):
            found.append(role)
    return found


def is_role_number(key: str) -> bool:
    """Whether a key of ``[AuthorizationRoles]`` numbers a role."""
    return key.isascii() and key.isdigit() and len(key) <= 9


def _numbered(table: Table) -> list[Given]:
    found = (given for given in table.of(ROLES) if is_role_number(given.key))
    return sorted(found, key=lambda given: int(given.key))


def _fault(name: str, given: Given, names: list[str], table: Table, taken: Collection[str]) -> str:
    if not is_task_name(name.upper()):
        return (
            "expected the name of a role: letters, digits, _, - and ., at most 64, "
            "a letter or digit first"
        )
    if fold(name) in map(fold, names):
        return "the role is listed already; expected each role once"
    if fold(name) in map(fold, taken):
        return f"[{name}] is a section of its own; expected another name for the role"
    if given.layer is Layer.FILE and fold(name) not in table.sections():
        return f"there is no section [{name}]; expected one that says who has the role"
    return ""
