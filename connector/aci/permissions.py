"""Which role each action and path wants.

Source: Content reference, "StandardRoles", for what the roles are; which action wants which is
known of GetStatus alone (Admin) and of the service port's groups, the rest is our choice.
"""

from collections.abc import Mapping
from enum import StrEnum

from connector.config.authorization import STANDARD_ROLES


class Role(StrEnum):
    """The standard roles. None contains another."""

    ADMIN = "Admin"
    QUERY = "Query"
    INDEX = "Index"
    SERVICE_CONTROL = "ServiceControl"
    SERVICE_STATUS = "ServiceStatus"


EVERY_ROLE = frozenset(Role(name) for name in STANDARD_ROLES)

CONTROLLING = frozenset({Role.ADMIN, Role.SERVICE_CONTROL})
"""Roles of this machine alone, unless roles are configured."""

WIDE = CONTROLLING | {Role.SERVICE_STATUS}
"""Roles whose actions and paths concern all queues, unless they name one."""

ACTIONS: Mapping[str, Role] = {
    "queueinfo": Role.QUERY,
    "getversion": Role.QUERY,
    "getpid": Role.QUERY,
    "getlicenseinfo": Role.QUERY,
    "showpermissions": Role.QUERY,
    "help": Role.QUERY,
    "tasklist": Role.QUERY,
    "stopfetch": Role.QUERY,
    "getstatus": Role.ADMIN,
    "getrequestlog": Role.ADMIN,
    "grl": Role.ADMIN,
    "purgedatastore": Role.ADMIN,
    "backupserver": Role.ADMIN,
    "restoreserver": Role.ADMIN,
}
"""Action in small letters to its role. One that is not here wants Query if it is asynchronous, and
Admin if it is answered at once."""

SERVICE_ACTIONS: Mapping[str, Role] = {
    "getstatus": Role.SERVICE_STATUS,
    "getstatusinfo": Role.SERVICE_STATUS,
    "getstatistics": Role.SERVICE_STATUS,
    "getlogstreamnames": Role.SERVICE_STATUS,
    "getlogstream": Role.SERVICE_STATUS,
}
"""The same for the service port; one that is not here wants ServiceControl."""

PATHS: Mapping[str, Role | None] = {
    "/livez": None,
    "/readyz": None,
    "/healthz": Role.SERVICE_STATUS,
    "/metrics": Role.SERVICE_STATUS,
    "/events": Role.QUERY,
    "/api": Role.QUERY,
}
"""First part of a path that is no action, to its role; None: anybody may ask."""


def role_for(action: str, *, asynchronous: bool, service: bool = False) -> Role:
    """Return the role that an action wants; `service`: on the service port."""
    name = action.strip().casefold()
    if service:
        return SERVICE_ACTIONS.get(name, Role.SERVICE_CONTROL)
    return ACTIONS.get(name, Role.QUERY if asynchronous else Role.ADMIN)
