"""Requests that a foreign web page had a browser send are refused, on loopback too.

Any page can have a browser send a GET to 127.0.0.1, and by a name that leads there (DNS rebinding)
read the answer. Sources: Fetch standard (CORS protocol), W3C Fetch Metadata Request Headers,
RFC 6454 (origins).
"""

import functools
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from connector.aci.peer import Headers
from connector.config import Settings
from connector.config.addresses import is_loopback
from connector.config.peers import address

ANY = "*"
METHODS = "GET, HEAD, POST"
REMEMBERED = "600"
"""Seconds a browser may remember the answer to a preflight."""

_PORTS = {"http": 80, "https": 443}
_OWN_SITES = ("same-origin", "none")
"""Values of Sec-Fetch-Site of our own pages, and of what a user has typed in."""

Lines = list[tuple[bytes, bytes]]
"""Headers as ASGI has them."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port, the port always as a number."""

    scheme: str
    host: str
    port: int


class Origins:
    """The hosts and origins that this server answers."""

    def __init__(self, settings: Settings) -> None:
        named = settings.service.access_control_allow_origin
        self._any = ANY in named
        self._allowed = {origin for text in named if (origin := _origin(text))}
        hosts = {"localhost", settings.server.host, socket.gethostname(), socket.getfqdn()}
        hosts |= {*settings.server.host_names, *(origin.host for origin in self._allowed)}
        self._hosts = {host.strip("[]").rstrip(".").casefold() for host in hosts}
        self._only_here = is_loopback(settings.server.host)

    def foreign_host(self, headers: Headers) -> str | None:
        """Return the name that a request was sent to if it is none of ours."""
        given = [value.decode("latin-1") for value in headers.get(b"host", ())]
        if self._any or given in ([], [""]):  # HTTP/1.0; a browser always says where it goes
            return None
        host = _origin(f"http://{given[0]}")
        if len(given) > 1 or host is None:
            return ", ".join(given)
        if host.host in self._hosts:
            return None
        literal = address(host.host)
        if literal is None or (self._only_here and not literal.is_loopback):
            return given[0]
        return None  # an address cannot be made to lead elsewhere, as a name can

    def foreign_origin(self, scheme: str, headers: Headers, *, by_proxy: bool) -> str | None:
        """Return what shows that a page of another origin sends this, if one does.

        `by_proxy`: a trusted proxy stands between, which may have spoken TLS where we do not.
        """
        if b"origin" not in headers and b"sec-fetch-site" not in headers:
            return None  # no browser
        origins = [value.decode("latin-1") for value in headers.get(b"origin", ())]
        if self._any or (len(origins) == 1 and _origin(origins[0]) in self._allowed):
            return None
        if origins:
            host = b",".join(headers.get(b"host", ())).decode("latin-1")
            schemes = tuple(_PORTS) if by_proxy else (scheme,)
            own = {_origin(f"{each}://{host}") for each in schemes} - {None}
            return None if len(origins) == 1 and _origin(origins[0]) in own else ", ".join(origins)
        sites = [value.decode("latin-1") for value in headers.get(b"sec-fetch-site", ())]
        if all(site.strip().casefold() in _OWN_SITES for site in sites):
            return None
        return f"a {sites[0][:20]} page"

    def allowed(self, headers: Headers) -> Lines:
        """Return the headers of an answer that let the page which asked read it."""
        if self._any:
            return [(b"access-control-allow-origin", b"*")]
        if not self._allowed:
            return []
        origin = b",".join(headers.get(b"origin", ()))
        lines: Lines = [(b"vary", b"Origin")]
        if _origin(origin.decode("latin-1")) in self._allowed:
            lines.append((b"access-control-allow-origin", origin))
        return lines

    def preflight(self, headers: Headers) -> Lines:
        """Return the headers of the answer to a preflight of an origin that may ask."""
        lines = self.allowed(headers)
        lines.append((b"access-control-allow-methods", METHODS.encode()))
        if wanted := _tokens(headers.get(b"access-control-request-headers", ())):
            lines.append((b"access-control-allow-headers", wanted))
        if b"true" in headers.get(b"access-control-request-private-network", ()):
            lines.append((b"access-control-allow-private-network", b"true"))
        lines.append((b"access-control-max-age", REMEMBERED.encode()))
        return lines


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a request asks on behalf of a page what it may send."""
    return method == "OPTIONS" and b"origin" in headers and _REQUESTED in headers


_REQUESTED = b"access-control-request-method"


@functools.lru_cache(maxsize=1024)
def _origin(text: str) -> Origin | None:
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if not host or more or parts.scheme not in _PORTS:
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def _tokens(values: Iterable[bytes]) -> bytes:
    """Return the names in a list of header names, without what could be none."""
    names = (name.strip() for name in b",".join(values).split(b","))
    return b", ".join(name for name in names if name.replace(b"-", b"").isalnum())
