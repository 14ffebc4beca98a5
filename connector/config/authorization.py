"""Sections about access: roles of clients, and what web pages may do."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from connector.config.model import SectionModel
from connector.config.peers import Clients
from connector.config.values import Form, Setting, Strings, split_list

StandardRole = Literal["Admin", "Query", "Index", "ServiceControl", "ServiceStatus", "*"]
"""The roles that ACI servers know; source: their reference, "StandardRoles"."""

STANDARD_ROLES: tuple[StandardRole, ...] = (
    "Admin",
    "Query",
    "Index",
    "ServiceControl",
    "ServiceStatus",
)

SERVICE_ROLES: tuple[StandardRole, ...] = ("ServiceControl", "ServiceStatus")
"""Those of the service port, which knows of no single queue."""

_ROLES = "a list of Admin, Query, Index, ServiceControl, ServiceStatus, or * for all of them"


def _standard(value: object) -> object:
    names = split_list(value) if isinstance(value, str) else value
    known = {name.casefold(): name for name in (*STANDARD_ROLES, "*")}
    if not isinstance(names, list | tuple):
        return value
    for name in names:
        if str(name).casefold() not in known:
            raise ValueError(f'"{name}" is no role; expected {_ROLES}')
    return tuple(known[str(name).casefold()] for name in names)


class RoleSettings(SectionModel, frozen=True):
    """Who may do what over HTTP: a list of roles, each with a section of its own name.

    A client has a role if it matches `Clients` and `SSLIdentities`, where given; a role with
    neither is nobody's. Roles do not contain one another: Admin does not imply Query. Without any
    role listed here, Admin and ServiceControl are for this machine, the others for everybody, and
    for nobody but this machine where the server listens elsewhere too. More on the page about
    [access](access.md).
    """

    name: str = ""
    standard_roles: Annotated[
        tuple[StandardRole, ...],
        BeforeValidator(_standard),
        Form(_ROLES, many=True),
        Setting("What the role may do.", example="Query"),
    ] = ()
    clients: Annotated[
        Clients,
        Setting("Addresses that have the role.", example="localhost,10.1.0.0/16"),
    ] = ()
    ssl_identities: Annotated[
        Strings,
        Setting(
            "Names in client certificates (common name, or alternative name) that have the role.",
            key="SSLIdentities",
            example="client.example.com",
        ),
    ] = ()
    actions: Annotated[
        Strings,
        Setting("Actions that the role may send besides.", example="GetStatus"),
    ] = ()
    service_actions: Annotated[
        Strings,
        Setting("Actions of the service port that it may send besides.", example="GetConfig"),
    ] = ()
