"""Who may send what: roles by address, by TLS identity, by API key."""

import functools
from collections.abc import Collection
from dataclasses import dataclass

from connector.aci.peer import Peer
from connector.aci.permissions import CONTROLLING, EVERY_ROLE, WIDE, Role, role_for
from connector.aci.refusals import Reason, Refusals, Refused
from connector.config import Settings
from connector.config.addresses import is_loopback
from connector.config.authorization import RoleSettings
from connector.config.peers import LOOPBACK, Network, holds, networks
from connector.db.api_keys import ApiKey


@dataclass(frozen=True)
class Grant:
    """What one role or key gives. Actions and queues in small letters; `queues` None: all."""

    roles: frozenset[Role] = frozenset()
    actions: frozenset[str] = frozenset()
    service_actions: frozenset[str] = frozenset()
    queues: frozenset[str] | None = None


@dataclass(frozen=True)
class Caller:
    """Who sent a request, and what that gives. `name`: for logs and the trail; `ip`: from where."""

    name: str
    grants: tuple[Grant, ...]
    by_stranger: bool = False
    ip: str = ""

    def has(self, role: Role, *, everywhere: bool = False) -> bool:
        """Whether the caller has a role, for some queue at least; `everywhere`: for all."""
        return not self._kept_from(role) and any(
            role in grant.roles and (grant.queues is None or not everywhere)
            for grant in self.grants
        )

    def may(
        self, action: str, *, asynchronous: bool, service: bool = False, queue: str | None = None
    ) -> bool:
        """Whether the caller may send an action; `queue`: the one that it concerns, if any."""
        wanted = role_for(action, asynchronous=asynchronous, service=service)
        return not self._kept_from(wanted) and any(
            (wanted in grant.roles or _names(grant, action, service))
            and _reaches(grant, queue, wanted)
            for grant in self.grants
        )

    @property
    def queues(self) -> frozenset[str] | None:
        """The queues of all grants together, in small letters; None: every queue."""
        found: set[str] = set()
        for grant in self.grants:
            if grant.queues is None:
                return None
            found |= grant.queues
        return frozenset(found)

    def _kept_from(self, role: Role) -> bool:
        return self.by_stranger and role in CONTROLLING


@dataclass(frozen=True)
class Admission:
    """A request that was let in, as `scope["state"]["admission"]`: asks what its caller may do."""

    caller: Caller
    refusals: Refusals
    service: bool = False

    def require(self, action: str, *, asynchronous: bool, queue: str | None = None) -> None:
        """Return if the caller may send this action; `queue`: the one it concerns. Raises Refused.

        What concerns the server as a whole, such as a backup, wants a caller held to no queues.
        """
        caller = self.caller
        if caller.may(action, asynchronous=asynchronous, service=self.service, queue=queue):
            return
        wanted = role_for(action, asynchronous=asynchronous, service=self.service)
        told = f"This wants the role {wanted}, which {caller.name} does not have"
        if caller.by_stranger and wanted in CONTROLLING:
            told = f"This wants the role {wanted}, which no forwarded request has"
            told += " unless [Server] TrustedProxies names the proxy"
        elif caller.has(wanted):
            told += f" for {'every queue' if queue is None else 'the queue ' + repr(queue[:60])}"
        told += "; [AuthorizationRoles] or another API key gives it."
        raise self.refused(Reason.ROLE, told)

    def refused(self, reason: Reason, told: str) -> Refused:
        """Count and log a refusal, and return the error that tells the client."""
        self.refusals.note(reason, self.caller.name, told)
        return Refused(reason, told)


class Authorization:
    """What the settings give to whom."""

    def __init__(self, settings: Settings) -> None:
        self._roles = [(role, networks(role.clients), _grant(role)) for role in settings.roles]
        # What the documentation of ACI servers gives everybody is too much where everybody is
        # more than this machine: there a stranger needs a role that was written down, or a key.
        self._open = is_loopback(settings.server.host)
        self.by_peer = functools.lru_cache(maxsize=4096)(self._by_peer)
        """Returns the caller that address and certificate make: the same for the same peer."""

    def _by_peer(self, peer: Peer) -> Caller:
        if self._roles:
            grants = tuple(
                grant for role, clients, grant in self._roles if _is_meant(role, clients, peer)
            )
        elif holds(LOOPBACK, peer.address):
            grants = (Grant(EVERY_ROLE),)
        else:
            grants = (Grant(EVERY_ROLE - CONTROLLING),) if self._open else ()
        return Caller(peer.shown, grants, peer.by_stranger, peer.shown)

    def by_key(self, peer: Peer, key: ApiKey) -> Caller:
        """Return the caller that a key makes: it has what the key gives, and nothing else."""
        roles = frozenset(role for role in Role if role in key.roles)
        queues = None if key.queues is None else _folded(key.queues)
        name = f"key {key.name} ({key.id}), {peer.shown}"
        return Caller(name, (Grant(roles, queues=queues),), peer.by_stranger, peer.shown)


def _is_meant(role: RoleSettings, clients: tuple[Network, ...], peer: Peer) -> bool:
    wanted = _folded(role.ssl_identities)
    if not clients and not wanted:
        return False
    if wanted and wanted.isdisjoint(_folded(peer.identities)):
        return False
    return not clients or holds(clients, peer.address)


def _grant(role: RoleSettings) -> Grant:
    named = role.standard_roles
    roles = EVERY_ROLE if "*" in named else frozenset(Role(name) for name in named)
    return Grant(roles, _folded(role.actions), _folded(role.service_actions))


def _names(grant: Grant, action: str, service: bool) -> bool:
    listed = grant.service_actions if service else grant.actions
    return action.strip().casefold() in listed


def _reaches(grant: Grant, queue: str | None, wanted: Role) -> bool:
    if grant.queues is None:
        return True
    return wanted not in WIDE if queue is None else queue.strip().casefold() in grant.queues


def _folded(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)
