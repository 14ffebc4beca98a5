"""The Webex API as plain objects.

Reading goes client (what can be asked) → paging (how a list is walked) → transport (one request and
its repeats) → retry (when to repeat); models and errors are what comes out.
"""

from connector.webex.client import WebexClient
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
from connector.webex.models import FileInfo, Message, Person, Room, moment

__all__ = [
    "BadReply",
    "FileInfo",
    "Forbidden",
    "Gone",
    "Message",
    "NotFound",
    "Person",
    "Refused",
    "Room",
    "Unauthorised",
    "Unavailable",
    "Unscannable",
    "WebexClient",
    "WebexError",
    "moment",
]
