"""What can be wrong with a request, stated once.

    AciError        answered as an ERROR envelope under HTTP 200
    └─ BadRequest   the request could not be read at all, or holds no action

A code keeps its number for ever: clients and log searches match on it. A code that falls out of use
stays in the table, so that its number is never given to another.
"""

from enum import Enum

PRODUCT = "WEBEXCONNECTOR"
"""What every errorid begins with."""

_SHOWN = 60


class Code(Enum):
    """The table: number, word sent as errorcode, default errorstring, worth repeating unchanged.

    The first word, its number and its errorstring, and ERRORPARAMINVALID with a number above 500
    are what ACI servers are known to send; the others are our own.
    """

    NOT_IMPLEMENTED = 1, "ERRORNOTIMPLEMENTED", "ERROR", False
    BAD_REQUEST = 500, "ERRORBADREQUEST", "Malformed request", False
    PARAM_MISSING = 501, "ERRORPARAMMISSING", "Missing parameter", False
    PARAM_INVALID = 502, "ERRORPARAMINVALID", "Invalid parameter value", False
    PARAM_UNKNOWN = 503, "ERRORPARAMUNKNOWN", "Unknown parameter", False
    TOO_LARGE = 504, "ERRORTOOLARGE", "Request too large", False
    TEMPLATE = 505, "ERRORTEMPLATE", "Template failed", False
    QUEUE_UNKNOWN = 510, "ERRORQUEUEUNKNOWN", "Unknown queue", False
    TOKEN_UNKNOWN = 511, "ERRORTOKENUNKNOWN", "Unknown token", False
    STATE = 512, "ERRORSTATE", "Not possible in this state", False
    KEY_REUSED = 513, "ERRORKEYREUSED", "Idempotency key of another request", False
    QUEUE_FULL = 514, "ERRORQUEUEFULL", "Queue full", True
    TASK_BUSY = 515, "ERRORTASKBUSY", "Task busy", True
    UNAVAILABLE = 520, "ERRORUNAVAILABLE", "Database unavailable", True
    IN_DOUBT = 521, "ERRORINDOUBT", "Outcome unknown", False
    INTERNAL = 522, "ERRORINTERNAL", "Internal error", False
    ACTION_FAILED = 523, "ERRORACTIONFAILED", "Action failed", False
    UNFINISHED = 524, "ERRORUNFINISHED", "Action not ended yet", False
    NOT_PERMITTED = 530, "ERRORNOTPERMITTED", "Not permitted", False
    KEY_INVALID = 531, "ERRORKEYINVALID", "API key not accepted", False
    FOREIGN = 532, "ERRORFOREIGN", "Foreign host or origin", False
    TOO_MANY = 533, "ERRORTOOMANY", "Too many requests at once", True

    def __init__(self, number: int, word: str, summary: str, retryable: bool) -> None:
        self.number = number
        self.word = word
        self.summary = summary
        self.retryable = retryable


class AciError(Exception):
    """A known failure of one request.

    `description` is a sentence for people: what was wrong and what would be right. `parameter` is
    the name of the parameter at fault, if there is one; it is put before the description unless
    the description names it. `token`: the action that was stored all the same.
    """

    def __init__(
        self, code: Code, description: str, parameter: str | None = None, token: str | None = None
    ) -> None:
        self.code = code
        self.parameter = parameter
        self.token = token
        if parameter is not None and parameter.casefold() not in description.casefold():
            description = f"Parameter {shown(parameter)}: {description}"
        self.description = description
        super().__init__(description)


class BadRequest(AciError):
    """The request cannot be read. `action`, `form`: its action and ResponseFormat as sent.

    They are "" if they were not found.
    """

    def __init__(
        self, description: str, parameter: str | None = None, code: Code = Code.BAD_REQUEST
    ) -> None:
        super().__init__(code, description, parameter)
        self.action = self.form = ""


def error_id(action: str, code: Code) -> str:
    """Product, action in upper case and decimal number, as in WEBEXCONNECTORQUEUEINFO502.

    Only ASCII letters, digits and underscores of the action are kept, and at most 60 of them.
    """
    name = "".join(c for c in action[:_SHOWN].upper() if c.isascii() and (c.isalnum() or c == "_"))
    return f"{PRODUCT}{name}{code.number}"


def shown(text: str) -> str:
    """`text` quoted for a message: unprintable characters escaped, cut after 60 characters."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


def not_implemented(action: str) -> AciError:
    """The error for an action this server does not have."""
    return AciError(
        Code.NOT_IMPLEMENTED,
        f"The requested action {shown(action)} was not recognised; "
        "action=GetStatus lists the actions of this server.",
    )


def missing(parameter: str, expected: str) -> AciError:
    """The error for a required parameter that is absent; `expected` says what it takes."""
    return AciError(Code.PARAM_MISSING, f"Give {parameter}: {expected}.", parameter)


def invalid(parameter: str, value: str | None, expected: str) -> AciError:
    """The error for a value that cannot be used. Pass None as the value of a secret."""
    got = "this value" if value is None else shown(value)
    return AciError(
        Code.PARAM_INVALID, f"{parameter} cannot be {got}; expected {expected}.", parameter
    )


def unknown_token(token: str, queue: str, parameter: str = "Token") -> AciError:
    """The error for an action that a queue does not have."""
    return AciError(
        Code.TOKEN_UNKNOWN,
        f"{parameter}: {queue} has no action {token}; it was never stored, or removed after its "
        "time.",
        parameter,
    )
