"""Types of values: how each is read from text, said in words, and shown.

Each type takes its own Python value too, so that a dumped model loads again. A ``Form`` rides in
the annotation and says what is right; messages and the generated page are made from it.
"""

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationInfo,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

MASK = "***"
CLEAR = "secrets in clear"
"""Key of the serialisation context that has secrets written in clear."""


@dataclass(frozen=True)
class Setting:
    """What people need to know of one setting, beside its type and default.

    ``key`` is its name in the file where it is not the field's name in CamelCase; ``default``
    says a default that is worked out when loading; ``example`` is a value worth trying;
    ``by_request`` says that a request may bring a value for its own action, see ``by_request``.
    """

    meaning: str
    unit: str = ""
    key: str = ""
    default: str = ""
    example: str = ""
    by_request: bool = False


@dataclass(frozen=True)
class Form:
    """What a type's values look like, for messages ("expected ...") and the settings page."""

    expected: str
    many: bool = False
    path: bool = False
    secret: bool = False


def setting_of(field: FieldInfo) -> Setting | None:
    """The field's Setting, or None for a field that is no setting."""
    return next((m for m in field.metadata if isinstance(m, Setting)), None)


def form_of(field: FieldInfo) -> Form:
    """The field's Form."""
    return next((m for m in field.metadata if isinstance(m, Form)), Form("text"))


def expected(field: FieldInfo) -> str:
    """What a right value is, in words, bounds included."""
    bounds: list[str] = []
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound):
                bounds.append(f"at least {bound}")
            case Gt(gt=bound):
                bounds.append(f"more than {bound}")
            case Le(le=bound):
                bounds.append(f"at most {bound}")
            case _:
                pass
    return ", ".join([form_of(field).expected, *bounds])


_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_FALSE = frozenset({"false", "off", "no", "n", "0"})
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,18})[ \t]*([a-z]*)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


def _boolean(value: object) -> object:
    word = value.strip().casefold() if isinstance(value, str) else value
    return True if word in _TRUE else False if word in _FALSE else value


def _size(value: object) -> object:
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2].casefold() not in _UNITS:
        return value
    return int(match[1]) * _UNITS[match[2].casefold()]


def _plain_number(value: object) -> object:
    # Narrower than pydantic, which takes 1_000, 1e3 and nan.
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise PydanticCustomError("number", "not a number")
    return value


def _days(value: object) -> object:
    if isinstance(value, str) and value.strip().casefold() == "never":
        return None
    return _plain_number(value)


def _word(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.date.fromisoformat(value.strip().replace("/", "-"))
    except ValueError:
        raise PydanticCustomError("day", "not a day") from None


def split_list(text: str) -> list[str]:
    """Split a comma-separated list as IDOL does; empty items are dropped.

    Quotes keep commas inside an item; a backslash keeps the comma, quote or backslash after it.
    (IDOL connector guides, "Enter String Values".)

    Raises:
        ValueError: a quote that is not closed.
    """
    items: list[str] = [""]
    quoted = False
    characters = iter(text)
    for c in characters:
        if c == "\\":
            following = next(characters, "")
            items[-1] += following if following in ',"\\' and following else c + following
        elif c == '"':
            quoted = not quoted
        elif c == "," and not quoted:
            items.append("")
        else:
            items[-1] += c
    if quoted:
        raise ValueError('a quote (") is not closed; put one at each end of the item')
    return [item.strip() for item in items if item.strip()]


def _strings(value: object) -> object:
    return split_list(value) if isinstance(value, str) else value


def _shown(secret: SecretStr | None, info: SerializationInfo) -> str | None:
    if secret is None:
        return None
    return secret.get_secret_value() if in_clear(info) else MASK


def in_clear(info: SerializationInfo | ValidationInfo) -> bool:
    """Whether secrets are wanted in clear: to be handed over, or handed over to us."""
    return isinstance(info.context, dict) and bool(info.context.get(CLEAR))


Boolean = Annotated[bool, BeforeValidator(_boolean), Form("true or false")]
Whole = Annotated[int, BeforeValidator(_plain_number), Form("a whole number")]
OptionalPort = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    BeforeValidator(_plain_number),
    Form("a whole number, at least 0, at most 65535"),
]
Seconds = Annotated[
    float, BeforeValidator(_plain_number), Field(allow_inf_nan=False), Form("a number of seconds")
]
Fraction = Annotated[
    float, BeforeValidator(_plain_number), Field(allow_inf_nan=False), Form("a number")
]
Days = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
    BeforeValidator(_days),
    Form("a number of days, or never"),
]
Size = Annotated[
    int, BeforeValidator(_size), Form("a size in bytes (KiB, MiB or GiB may follow the number)")
]
Strings = Annotated[
    tuple[str, ...],
    BeforeValidator(_strings),
    Form("a list separated by commas", many=True),
]
Day = Annotated[
    datetime.date | None, BeforeValidator(_day), Form("a day as 2024-12-31 or 2024/12/31")
]
Folder = Annotated[Path, Form("a folder", path=True)]
Word = BeforeValidator(_word)
"""Goes before a Literal of small letters, so that any case is taken."""

ShownAsMask = PlainSerializer(_shown, return_type=str | None)
