"""One request to Webex: where it may go, when it is repeated, what its failure means.

The token is put on each request, never on the connection pool, after the address was compared with
the base URL; redirects are not followed. So it cannot reach another host.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address

import httpx2

from connector.webex.errors import BadReply, Unauthorised, Unavailable, WebexError
from connector.webex.failures import failure
from connector.webex.retry import Budget, RetryPolicy

USER_AGENT = "webex-connector"

_log = logging.getLogger(__name__)


class Transport:
    """Sends GET requests below `base_url`; several threads may share one.

    Raises ValueError for a base URL that is none, Unauthorised for a token no header can carry.
    Seconds: `timeout` for each connect and each read, `max_wait` for all pauses of one request.
    `told` is called after each request, repeats included, with its HTTP status (`none` if no answer
    came) and the seconds it took.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        timeout: float = 30.0,
        max_retries: int = 5,
        max_wait: float = 300.0,
        transport: httpx2.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
        connections: int = 8,
        told: Callable[[str, float], None] = lambda status, seconds: None,
    ) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._under_way = 0
        self._closed = False
        self._base = _base(base_url)
        self._token = _token(access_token)
        self.policy = RetryPolicy(max_retries, max_wait, wait)
        self._client = httpx2.Client(
            headers={"user-agent": USER_AGENT},
            verify=_certificates() if self._base.scheme == "https" else _no_certificates(),
            timeout=httpx2.Timeout(timeout, pool=max(timeout, max_wait)),
            limits=httpx2.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=30.0,
            ),
            # A proxy of the environment is meant for the way out, not for this machine.
            trust_env=not _is_loopback(self._base.host),
            transport=transport,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Ask for nothing more, and close all connections: at once, or with the last answer.

        A request may be under way in a thread that nobody waits for, on a connection that is not
        open yet.
        """
        with self._lock:
            self._closed = True
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        with self._lock:
            if self._closed and not self._under_way:
                self._client.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise RuntimeError("nothing is asked of Webex any more")
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
            self._close_when_idle()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._base)!r})"

    def url(self, path: str) -> httpx2.URL:
        """The address of an API path such as "rooms"."""
        return httpx2.URL(f"{self._base}{path}")

    def resolve(self, address: str, seen_in: str) -> httpx2.URL:
        """An address that Webex sent, absolute or relative to the base URL.

        `seen_in` says where, for people. Raises BadReply if it leads to another scheme, host or
        port than the base URL's: the token must not go there.
        """
        try:
            url = self._base.join(address)
        except (httpx2.InvalidURL, ValueError):
            raise BadReply(f"Webex sent an address that cannot be read in {seen_in}") from None
        if _origin(url) != _origin(self._base) or url.userinfo:
            raise BadReply(
                f"Webex sent an address at {url.scheme}://{url.host} in {seen_in}, but the access "
                f"token is only for {self._base.scheme}://{self._base.netloc.decode()}: not asked"
            )
        return url.copy_with(fragment=None)

    def json(self, url: httpx2.URL) -> tuple[dict[str, object], Mapping[str, str]]:
        """GET an object, and the headers it came with. Raises any WebexError."""
        response = self.send(url)
        try:
            data = json.loads(response.content)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise self.bad_reply("Webex answered something else than a JSON object", response)
        return data, response.headers

    def send(
        self, url: httpx2.URL, *, stream: bool = False, budget: Budget | None = None
    ) -> httpx2.Response:
        """GET `url`, repeated as the policy says, until it succeeds.

        With `stream` the body is still to be read, and the caller closes the response. `budget` is
        given when this request goes on with what another one began. Raises any WebexError.
        """
        budget = budget or self.policy.budget()
        while True:
            answer = self._attempt(url, stream)
            if isinstance(answer, httpx2.Response):
                return answer
            if not isinstance(answer, Unavailable) or not budget.pause(answer.retry_after):
                raise answer
            _log.info("Asked Webex again: %s", answer)

    def _attempt(self, url: httpx2.URL, stream: bool) -> httpx2.Response | WebexError:
        headers = {"authorization": f"Bearer {self._token}"}
        if stream:
            headers["accept-encoding"] = "identity"
        request = self._client.build_request("GET", url, headers=headers)
        began, status = time.monotonic(), "none"
        try:
            with self._open():
                response = self._client.send(request, stream=stream)
            status = str(response.status_code)
        except httpx2.TransportError as error:
            return self.unreachable(error, url)
        except httpx2.DecodingError:
            return BadReply(
                "Webex sent a body that cannot be unpacked", method="GET", path=url.path
            )
        finally:
            self._told(status, time.monotonic() - began)
        if response.is_success:
            return response
        return failure(response, hide=self._token)

    def unreachable(self, error: httpx2.TransportError, url: httpx2.URL) -> Unavailable:
        """What an interrupted connection is to people."""
        reason = str(error) or type(error).__name__
        text = f"Webex at {url.host} cannot be reached: {reason}"
        unavailable = Unavailable(text, method="GET", path=url.path)
        unavailable.__cause__ = error
        return unavailable

    def bad_reply(self, text: str, response: httpx2.Response) -> BadReply:
        """A BadReply that names the request it answers."""
        return BadReply(
            text,
            method="GET",
            path=response.request.url.path,
            status=response.status_code,
            tracking_id=response.headers.get("trackingid"),
        )


def _origin(url: httpx2.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


def _base(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text.rstrip("/") + "/")
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
        raise ValueError("the base URL of Webex must look like https://webexapis.com/v1")
    return url


def _token(text: str) -> str:
    token = text.strip()
    # The HTTP library quotes what it cannot send, so such a token must not get that far.
    if not token or not all("!" <= character <= "~" for character in token):
        raise Unauthorised(
            "The access token is empty or holds a character that no token has: "
            "check [Webex] AccessToken"
        )
    return token


@cache
def _certificates() -> ssl.SSLContext:
    # Reading the authorities takes some 50 ms of CPU, so once a process.
    return httpx2.create_ssl_context()


@cache
def _no_certificates() -> ssl.SSLContext:
    # Trusts nobody: nothing goes over TLS when the base URL is plain HTTP.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
