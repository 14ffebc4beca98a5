"""The answer to one action, before it has a format."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from connector.aci.dates import error_time
from connector.aci.errors import AciError, error_id
from connector.aci.tree import Tree

if TYPE_CHECKING:
    from connector.aci.formats import Format


class Outcome(StrEnum):
    """The word in `response`; clients compare it letter by letter."""

    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Reply:
    """The action's real name in any case, how it went, and the children of responsedata."""

    action: str
    data: Mapping[str, Tree]
    outcome: Outcome = Outcome.SUCCESS
    pages: AsyncIterator[Sequence[Tree]] | None = None
    """Of an answer too long for memory: the members of actions/action, of which `data` then says
    nothing. They are read while it is sent; raises AciError."""
    body: "Callable[[Format], AsyncIterator[bytes]] | None" = None
    """Of one that is long in other places: all of it in a format, read while it is sent; raises
    AciError."""


def token_reply(action: str, token: str) -> Reply:
    """The answer to an asynchronous action: nothing but its token."""
    return Reply(action, {"token": token})


def error_reply(action: str, error: AciError, now: datetime) -> Reply:
    """The ERROR envelope with its six fields, in the order of the vendor's schema.

    The token of an action that was stored all the same stands behind them.
    `action` is "" if the request did not get as far as naming one; `now` has a time zone.
    """
    code = error.code
    fields = {
        "errorid": error_id(action, code),
        "rawerrorid": f"0x{code.number:X}",
        "errorstring": code.summary,
        "errordescription": error.description,
        "errorcode": code.word,
        "errortime": error_time(now),
    }
    data: dict[str, Tree] = {"error": fields}
    if error.token is not None:
        data["token"] = error.token
    return Reply(action, data, Outcome.ERROR)
