"""From a status that is no success to the error a person can act on."""

import json

import httpx2

from connector.webex.errors import (
    BadReply,
    Forbidden,
    Gone,
    NotFound,
    Refused,
    Unauthorised,
    Unavailable,
    Unscannable,
    WebexError,
)

DEFAULT_RETRY_AFTER = 5.0
"""Seconds to wait after 429 and 423 when Webex does not say."""

LONGEST_RETRY_AFTER = 86400.0

_READ = 65536
_QUOTED = 200

_KINDS: dict[int, tuple[type[WebexError], str]] = {
    401: (
        Unauthorised,
        "Webex does not accept the access token: check [Webex] AccessToken, it may have expired",
    ),
    403: (
        Forbidden,
        "Webex does not allow this: check the scopes of [Webex] AccessToken and what its person "
        "is a member of",
    ),
    404: (NotFound, "Webex does not have this, or does not show it to the token's person"),
    410: (Gone, "Webex withdrew this file because it is infected"),
    428: (Unscannable, "Webex cannot scan this file for malware and does not hand it out"),
}

_PATIENCE = {
    423: "Webex is still scanning this file for malware",
    429: "Webex asks for fewer requests",
}


def failure(response: httpx2.Response, *, hide: str) -> WebexError:
    """The error that `response` stands for; closes it. `hide` never shows in the text."""
    status = response.status_code
    said, tracking_id = _told(response, hide)
    tracking_id = response.headers.get("trackingid") or tracking_id
    error = _error(status, said, response.headers.get("retry-after"))
    error.method, error.path = "GET", response.request.url.path
    error.status, error.tracking_id = status, tracking_id
    return error


def _error(status: int, said: str, retry_after: str | None) -> WebexError:
    if status in _PATIENCE:
        after = _seconds(retry_after)
        after = DEFAULT_RETRY_AFTER if after is None else after
        return Unavailable(_PATIENCE[status] + said, retry_after=after)
    if status >= 500:
        return Unavailable(f"Webex has a fault of its own{said}", retry_after=_seconds(retry_after))
    if status < 400:
        return BadReply(
            "Webex sent the request elsewhere, which is not followed: check [Webex] BaseURL"
        )
    kind, text = _KINDS.get(status, (Refused, "Webex refused the request"))
    return kind(text + said)


def _told(response: httpx2.Response, hide: str) -> tuple[str, str | None]:
    """What the error body says, ready to follow a sentence, and its tracking id."""
    try:
        data = json.loads(_body(response))
    except (ValueError, RecursionError):
        return "", None
    if not isinstance(data, dict):
        return "", None
    message, tracking_id = data.get("message"), data.get("trackingId")
    said = message.replace(hide, "***")[:_QUOTED] if isinstance(message, str) else ""
    said = "".join(c for c in said if c.isprintable())
    return (f'. It says: "{said}"' if said else ""), (
        tracking_id[:_QUOTED] if isinstance(tracking_id, str) else None
    )


def _body(response: httpx2.Response) -> bytes:
    body = b""
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _READ:
                break
    except httpx2.RequestError:
        pass  # the status alone says enough
    finally:
        response.close()
    return body


def _seconds(retry_after: str | None) -> float | None:
    try:
        return min(max(float(int(retry_after or "")), 0.0), LONGEST_RETRY_AFTER)
    except ValueError:
        return None
