"""What can go wrong with a request, by what it means for the caller.

ClientError       `retryable` says whether the same call may work later, and is harmless
├─ Unreachable    no connection: nothing was sent
├─ Unanswered     sent, but it is not known whether it was done
├─ BadReply       something answered, but not as an ACI server does
├─ Refused        the server answered ERROR: its errorcode, number and sentence
├─ TimeIsUp       a wait came to its time limit; the action goes on
└─ NotFinished    results were wanted of an action that has none: not ended, or ended otherwise
"""

from connector.aci.errors import Code
from connector.client.status import Status

_KNOWN = {code.word: code for code in Code}
_PASSING = {429, 502, 503, 504}


class ClientError(Exception):
    """Any failure of this library.

    `retryable`: the same call may work later, and is harmless. `code` and `number`: the server's
    errorcode and its number, such as ERRORTOKENUNKNOWN and 511 ("" and 0 if it sent none).
    """

    retryable = False
    code = ""
    number = 0


class Unreachable(ClientError):
    """No connection to the server could be made, so nothing was sent."""

    retryable = True


class Unanswered(ClientError):
    """The request was sent and may have been done, or not: no answer came, or ERRORINDOUBT.

    `key`: of a submit, the idempotency key it was sent with; to submit again with this key stores
    no second action. What only reads is `retryable`.
    """

    def __init__(self, text: str, key: str | None = None, *, retryable: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.retryable = retryable


class BadReply(ClientError):
    """The answer is none of an ACI server. `status`: its HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status
        self.retryable = status in _PASSING


class Refused(ClientError):
    """The server answered with an error envelope; the text is its sentence.

    docs/errors.md lists each `code` with its `number`, and whether it is `retryable`; one that this
    version does not know is not.
    """

    def __init__(self, description: str, code: str = "", number: int = 0) -> None:
        super().__init__(description)
        self.code = code
        self.number = number
        self.retryable = code in _KNOWN and _KNOWN[code].retryable


class TimeIsUp(ClientError):
    """The action had not ended within the time given to `wait`. It goes on.

    `status`: the last that was seen, or None if the server could not be asked at all.
    """

    retryable = True

    def __init__(self, text: str, status: Status | None) -> None:
        super().__init__(text)
        self.status = status


class NotFinished(ClientError):
    """The action has no results: it has not ended, or ended otherwise than Finished (`status`)."""

    def __init__(self, text: str, status: Status) -> None:
        super().__init__(text)
        self.status = status
        self.retryable = not status.ended
