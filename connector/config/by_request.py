"""Settings that a request brings for its own action: in `Config`, or named `[Section]Key`.

Only what is declared so (`Setting.by_request`) may be set, in `[Webex]`, in `[FetchTasks]` and in
the sections of tasks that the action works on. No file and no environment is read, and no message
shows a value. (`Config` and `[Section]Param=Value` are the vendor's: ACI reference of connectors.)
"""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from connector.config.errors import IniError
from connector.config.include import parse
from connector.config.ini import fold
from connector.config.model import SectionModel
from connector.config.settings import Settings, keys
from connector.config.task_list import LIST
from connector.config.tasks import TaskSettings
from connector.config.values import expected, form_of, setting_of
from connector.config.webex import WebexSettings

CONFIG = "Config"
"""The parameter that holds base64 of INI text; under it all that was brought is stored."""

MOST_BYTES = 64 << 10
"""The most that one request may bring."""

WEBEX = "Webex"

_NAMED = re.compile(r"\s*\[([^\]]+)\](.+)", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_Model = TypeVar("_Model", bound=SectionModel)

Stored = dict[str, dict[str, list[str]]]
"""Section → key → values, spelled and sorted in one way only: equal if they set the same."""


class Refused(ValueError):
    """A request brings what it may not, or what cannot be used.

    The text says what would be right and shows no value; `parameter` is the one at fault.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(problem)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Brought:
    """One setting as it was brought. `parameter`: the one that it stood in."""

    section: str
    key: str
    values: tuple[str, ...] = field(repr=False)
    parameter: str = CONFIG


def names_setting(parameter: str) -> bool:
    """Whether a parameter of this name is a setting: `[Section]Key`."""
    return parameter.lstrip().startswith("[")


def brought(sent: Mapping[str, str]) -> list[Brought]:
    """Return the settings among parameters, the weaker ones first. Raises Refused."""
    if sum(len(n) + len(v) for n, v in sent.items() if names_setting(n)) > MOST_BYTES:
        raise _too_much()
    text = next((value for name, value in sent.items() if fold(name) == fold(CONFIG)), "")
    found = list(_of_text(text)) if text else []
    for name, value in sent.items():
        if names_setting(name):
            match = _NAMED.fullmatch(name)
            if match is None or not match[1].strip() or not match[2].strip():
                raise Refused(name, "expected a setting named [Section]Key, as [Webex]PageSize")
            found.append(Brought(match[1].strip(), match[2].strip(), (value,), name))
    return found


def decoded(text: str) -> str:
    """Return the text that was sent as base64, of either alphabet, with or without padding.

    Raises ValueError.
    """
    # A blank was a plus sign, in a query that was not escaped; programs break lines at 76.
    plain = re.sub(r"[\r\n\t]", "", text).replace(" ", "+").translate(str.maketrans("-_", "+/"))
    if not _BASE64.fullmatch(plain):
        raise ValueError("no base64")
    plain = plain.rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8-sig")


def merged(
    settings: Settings, tasks: Collection[str], given: Iterable[Brought]
) -> tuple[Settings, Stored]:
    """Return the settings with which an action on these tasks runs, and what of them was brought.

    What is given later wins, a task's section wins over `[FetchTasks]`, and both over all that the
    server has. An empty value is the default. Raises Refused.
    """
    chosen: dict[str, dict[str, Brought]] = {}
    for each in given:
        section, key = _place(each, tasks)
        chosen.setdefault(section, {})[key] = each
    stored = {
        section: {key: list(each.values) for key, each in sorted(of_section.items())}
        for section, of_section in sorted(chosen.items())
    }
    if len(json.dumps(stored)) > MOST_BYTES:
        raise _too_much()
    made = {name: _task(settings, name, chosen) for name in tasks}
    changes = {
        "webex": _with(settings.webex, chosen.get(WEBEX, {})),
        "tasks": tuple(made.get(task.name, task) for task in settings.tasks),
    }
    return settings.model_copy(update=changes), stored


def restored(stored: Any) -> list[Brought]:
    """Return what was brought, from what is stored of it. Raises Refused."""
    try:
        return [
            Brought(section, key, tuple(map(str, values)))
            for section, of_section in stored.items()
            for key, values in of_section.items()
            if values
        ]
    except (AttributeError, TypeError):
        raise Refused(CONFIG, "what is stored of it is damaged") from None


@lru_cache
def settable(model: type[SectionModel]) -> Mapping[str, str]:
    """Return key → field name of what a request may set in a section of this kind."""
    return {
        key: name
        for name, key in keys(model).items()
        if (setting := setting_of(model.model_fields[name])) and setting.by_request
    }


def _of_text(text: str) -> Iterator[Brought]:
    if len(text) > 2 * MOST_BYTES:  # base64 takes four for three
        raise _too_much()
    try:
        document = parse(decoded(text), "line", folder=None)
    except IniError as error:
        raise Refused(CONFIG, error.problems[0]) from None
    except ValueError:
        problem = "expected the text of a configuration, in UTF-8, as base64"
        raise Refused(CONFIG, problem) from None
    for section in document.sections:
        values: dict[str, tuple[str, list[str]]] = {}
        for entry in section.entries:
            values.setdefault(fold(entry.key), (entry.key, []))[1].append(entry.value)
        for key, given in values.values():
            yield Brought(section.name, key, tuple(given))


def _too_much() -> Refused:
    return Refused(CONFIG, f"expected at most {MOST_BYTES >> 10} KiB of settings with a request")


def _place(each: Brought, tasks: Collection[str]) -> tuple[str, str]:
    """Return section and key of a setting as they are spelled here, if a request may set it."""
    models: dict[str, type[SectionModel]] = {WEBEX: WebexSettings, LIST: TaskSettings}
    models |= dict.fromkeys(tasks, TaskSettings)
    section = {fold(name): name for name in models}.get(fold(each.section))
    if section is None:
        others = " or ".join(f"[{name}]" for name in models)
        raise Refused(each.parameter, f"{_told(each)}; expected a key of {others}")
    known = settable(models[section])
    key = {fold(name): name for name in known}.get(fold(each.key))
    if key is None:
        raise Refused(each.parameter, f"{_told(each)}; expected one of {', '.join(known)}")
    return section, key


def _told(each: Brought) -> str:
    name = f"[{_short(each.section)}] {_short(each.key)}"
    return f"{name} is not a setting that a request may bring"


def _short(name: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _task(
    settings: Settings, name: str, chosen: Mapping[str, Mapping[str, Brought]]
) -> TaskSettings:
    task = settings.task(name)
    if task is None:
        raise Refused(CONFIG, f"[{name}] is not a task of this server")
    return _with(_with(task, chosen.get(LIST, {})), chosen.get(name, {}))


def _with(section: _Model, chosen: Mapping[str, Brought]) -> _Model:
    """Return a section with other values for some keys, all of them checked. Raises Refused."""
    model = type(section)
    values = dict(section)
    by_field = {settable(model)[key]: each for key, each in chosen.items()}
    for name, each in by_field.items():
        text = ",".join(each.values) if form_of(model.model_fields[name]).many else _last(each)
        if text.strip(","):
            values[name] = text
        else:
            del values[name]
    try:
        return model.model_validate(values) if by_field else section
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        each = by_field[name]
        wanted = expected(model.model_fields[name])
        place = f"[{each.section}] {keys(model)[name]}"
        raise Refused(each.parameter, f"{place} cannot be this value; expected {wanted}") from None


def _last(each: Brought) -> str:
    text = each.values[-1].strip()
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else text
