"""Who may not speak to the service port: web pages, which can send a GET to any address.

Source: the Fetch standard (Origin, Sec-Fetch-Site), and the rebinding of names to 127.0.0.1.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from connector.config.addresses import is_loopback


def foreign(headers: Mapping[bytes, bytes]) -> str:
    """Return what about a request's headers shows that a web page of another site sent it, or "".

    Names of headers are in small letters, as ASGI has them.
    """
    host = headers.get(b"host", b"").decode("latin-1")
    if host and not is_loopback(_name(f"//{host}")):
        return "Host"
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        return "Sec-Fetch-Site"
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and urlsplit(origin).netloc != host:
        return "Origin"
    return ""


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
