"""How the sandbox answers: JSON, the error body of Webex, the ``Link`` to the next page."""

import json
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

MESSAGES = {
    400: "The request could not be understood.",
    401: "A valid access token is required in the Authorization header.",
    403: "Access to the requested resource is not allowed.",
    404: "The requested resource could not be found.",
    405: "The method is not allowed here.",
    410: "The file was found to be infected and has been withdrawn.",
    423: "The file is still being scanned; try again later.",
    428: "The file cannot be scanned; allow=unscannable downloads it none the less.",
    429: "Too many requests; try again later.",
    500: "Something went wrong on the server.",
    502: "The server got no good answer from another.",
    503: "The service is unavailable.",
    504: "An answer did not come in time; ask for a smaller page.",
}
"""What is said for a status, unless there is more to say."""

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class ApiError(Exception):
    """A request that is answered with an error status (100 to 599)."""

    def __init__(self, status: int, message: str = "", headers: dict[str, str] | None = None):
        super().__init__(status)
        self.status = status
        self.message = message or MESSAGES.get(status, f"Status {status}, as ordered.")
        self.headers = headers or {}


def json_reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A body as JSON, in UTF-8 where its text allows, else with escapes."""
    text = _compact.encode(body)
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which a control may well have put there
        data = json.dumps(body).encode()
    kind = "application/json;charset=UTF-8"
    return Response(data, status, headers, media_type=kind)


def error_reply(error: ApiError, tracking_id: str) -> Response:
    """The error body of Webex, its tracking id also in the header ``trackingId``.

    Source of the form: the Webex API's basics guide and its OpenAPI files.
    """
    body = {
        "message": error.message,
        "errors": [{"description": error.message}],
        "trackingId": tracking_id,
    }
    return json_reply(body, error.status, {**error.headers, "trackingId": tracking_id})


def next_link(url: str, query: dict[str, str]) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288)."""
    return {"Link": f'<{url}?{urlencode(query)}>; rel="next"'}
