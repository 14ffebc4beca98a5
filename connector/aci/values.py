"""Values of parameters: what a client may write, and the error when it writes something else."""

import re
from collections.abc import Collection

from connector.aci.errors import invalid, missing
from connector.aci.parameters import Parameters

# Stricter than UUID(), which takes underscores, stray dashes and a 0x.
_TOKEN = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_TOKEN_EXPECTED = (
    "a token as an asynchronous action answered it, like 0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e0f"
)
_BOOLEANS = {
    **dict.fromkeys(("true", "on", "y", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "n", "no", "0"), False),
}


def required(parameters: Parameters, name: str, expected: str) -> str:
    """The value of `name`, which must be there and not be empty.

    Raises:
        AciError: ERRORPARAMMISSING, saying what is `expected`.
    """
    value = parameters.get(name, "")
    if not value.strip():
        raise missing(name, expected)
    return value


def token(text: str, parameter: str = "Token") -> str:
    """The token in `text`, as it is sent to clients.

    It may be in letters of any case and without dashes; blanks around it are ignored.

    Raises:
        AciError: ERRORPARAMINVALID, showing what a token looks like.
    """
    found = _TOKEN.fullmatch(text.strip().lower())
    if found is None:
        raise invalid(parameter, text, _TOKEN_EXPECTED)
    return "-".join(found.groups())


def boolean(text: str, parameter: str) -> bool:
    """A yes or no: true, on, y, yes, 1 or false, off, n, no, 0, in any case.

    Raises:
        AciError: ERRORPARAMINVALID.
    """
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise invalid(parameter, text, "true or false") from None


def choice(text: str, parameter: str, allowed: Collection[str]) -> str:
    """The member of `allowed` that `text` names in any case.

    Raises:
        AciError: ERRORPARAMINVALID, listing what is allowed.
    """
    if text in allowed:
        return text
    by_name = {word.casefold(): word for word in allowed}
    try:
        return by_name[text.strip().casefold()]
    except KeyError:
        raise invalid(parameter, text, "one of " + ", ".join(by_name.values())) from None
