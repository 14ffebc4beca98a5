"""One request and its answer: HTTP outside, the ACI envelope inside, failures told apart."""

import re
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import httpx2

from connector.client.errors import BadReply, Refused, Unanswered, Unreachable

CONNECT_SECONDS = 7.0
IDLE_SECONDS = 2.0
"""How long an unused connection is kept: less than any server keeps it, or a request may meet its
end and it would be in doubt whether it was read."""

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)


class Exchange:
    """Connections to one server. Safe to use from several threads.

    Raises ValueError for a `url` or a key that cannot be used.
    """

    def __init__(
        self, url: str, timeout: float, api_key: str | None, tls: ssl.SSLContext | None
    ) -> None:
        self.url = _checked(url)
        self._timeout = timeout
        headers = {}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {sendable(api_key, 'an API key')}"
        # The environment names proxies for the world outside, and this server is mostly inside.
        self._http = httpx2.Client(
            headers=headers,
            limits=httpx2.Limits(keepalive_expiry=IDLE_SECONDS),
            trust_env=False,
            verify=tls if tls is not None else True,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(
        self,
        action: str,
        parameters: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        longer: float = 0.0,
    ) -> ET.Element:
        """Send an action and return `responsedata`.

        `longer`: seconds that the server may take beyond the time-out. Raises Unreachable,
        Unanswered, BadReply and Refused.
        """
        read = self._timeout + longer
        limits = httpx2.Timeout(read, connect=min(CONNECT_SECONDS, self._timeout))
        body = {"action": action, **parameters}
        try:
            reply = self._http.post(self.url, data=body, headers=headers, timeout=limits)
        except _NEVER_SENT as error:
            raise Unreachable(
                f"no answer from {self.url} ({error}); is `webex-connector serve` running there?"
            ) from error
        except httpx2.TransportError as error:
            why = f"none within {read:g} s" if isinstance(error, httpx2.TimeoutException) else error
            raise Unanswered(
                f"{action} was sent to {self.url}, but its answer was lost ({why}); "
                "it may have been done, or not"
            ) from error
        except httpx2.HTTPError as error:
            raise BadReply(
                f"{self.url} did not answer as an ACI server does ({error})", 0
            ) from error
        return _opened(reply, self.url)


def sendable(text: str, what: str) -> str:
    """Return a text that a header can carry. Raises ValueError, which does not tell the text."""
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError(f"{what} is printable ASCII, without blanks around it")
    return text


def _checked(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{url!r} is no address of a server: {error}") from None
    if parsed.userinfo:
        raise ValueError("an address of a server holds no password; give an API key by api_key")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no address of a server; one is http://127.0.0.1:7023/")
    return url.rstrip("/") + "/"


def _opened(reply: httpx2.Response, url: str) -> ET.Element:
    """Return `responsedata` of a reply. Raises BadReply and Refused."""
    try:
        root = ET.fromstring(reply.content)
    except ET.ParseError:
        root = ET.Element("none")
    data, response = root.find("responsedata"), root.findtext("response")
    if root.tag != "autnresponse" or response is None:
        told = "" if reply.is_success else f" but with HTTP status {reply.status_code}"
        raise BadReply(f"{url} did not answer as an ACI server does{told}", reply.status_code)
    if response != "SUCCESS":
        raise _refusal(root)
    return ET.Element("responsedata") if data is None else data


def _refusal(root: ET.Element) -> Refused:
    error = root.find(".//error")
    told = {} if error is None else {child.tag: child.text or "" for child in error}
    description = told.get("errordescription") or told.get("errorstring")
    return Refused(
        description or "the server answered ERROR and said no more",
        told.get("errorcode", ""),
        _number(told),
    )


def _number(told: Mapping[str, str]) -> int:
    """Return the error's number: `rawerrorid` is it in hexadecimal, `errorid` ends with it."""
    raw = told.get("rawerrorid", "")
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", raw):
        return int(raw, 16)
    found = re.search(r"[0-9]{1,9}$", told.get("errorid", ""))
    return int(found[0]) if found else 0
