"""Who sends a request: the socket's peer, or whom a proxy names that we trust."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Scope

from connector.config.peers import Address, Network, address, holds

FORWARDED = frozenset(
    (
        b"cdn-loop",
        b"cf-connecting-ip",
        b"cf-connecting-ipv6",
        b"client-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-azure-clientip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-real-ip",
    )
)
"""Headers that proxies add; a request with one of them did not come from its peer."""

FORWARDED_PREFIX = b"x-forwarded"
"""What others of these begin with, such as X-Forwarded-For, X-Forwarded-Ssl, X-Forwarded."""

Headers = Mapping[bytes, Sequence[bytes]]
"""Name in small letters to the values, in order."""


@dataclass(frozen=True)
class Peer:
    """Who sends a request.

    `address`: the client's, None if it cannot be known. `by_stranger`: it was forwarded, by a peer
    that is not trusted to say from where. `by_proxy`: it came through one that is trusted.
    `identities`: names in the certificate that the socket's peer has proved to have.
    """

    address: Address | None
    by_stranger: bool = False
    by_proxy: bool = False
    identities: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The address as a text, for logs and the trail."""
        return "unknown" if self.address is None else str(self.address)


def headers_of(scope: Scope) -> Headers:
    """Return the headers of a request, those that repeat together."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name, []).append(value)
    return found


def peer_of(scope: Scope, headers: Headers, trusted: Iterable[Network]) -> Peer:
    """Return who sent a request; `trusted`: the proxies whose X-Forwarded-For is believed."""
    client = scope.get("client")
    identities = tuple(scope.get("state", {}).get("tls_identities", ()))
    direct = _direct(client[0] if client else "", identities)
    if not _forwarded(headers):
        return direct
    socket_peer = direct.address
    known = list(trusted)
    if not holds(known, socket_peer):
        return Peer(socket_peer, by_stranger=True, identities=identities)
    # The certificate is the proxy's own, and says nothing about whom it speaks for.
    return Peer(_client(headers.get(b"x-forwarded-for", ()), known), by_proxy=True)


@functools.lru_cache(maxsize=4096)
def _direct(host: str, identities: tuple[str, ...]) -> Peer:
    return Peer(address(host), identities=identities)


def _forwarded(headers: Headers) -> bool:
    for name in headers:
        if name in FORWARDED or name.startswith(FORWARDED_PREFIX):
            return True
    return False


def _client(values: Sequence[bytes], trusted: list[Network]) -> Address | None:
    """Return the last address in X-Forwarded-For that is no proxy of ours: nearer ones wrote it."""
    found = None
    for entry in reversed(b",".join(values).decode("latin-1").split(",")):
        found = address(_without_port(entry.strip()))
        if found is None or not holds(trusted, found):
            return found
    return found


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
