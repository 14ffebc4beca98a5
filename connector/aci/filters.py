"""The parameters of QueueInfo that choose among actions, and put them in order.

Source: QueueInfo in the vendor's connector, Content and Media Server references. `After` is ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.aci.errors import invalid, missing
from connector.aci.parameters import Parameters
from connector.aci.status import WORDS
from connector.aci.values import boolean, choice, token
from connector.aci.zones import zone_named
from connector.jobs.selection import Selection, Span
from connector.jobs.states import FINAL, State

GROUPS: Mapping[str, frozenset[State]] = {
    **{word.casefold(): frozenset({state}) for state, word in WORDS.items()},
    **{str(state): frozenset({state}) for state in State},
    "pending": frozenset({State.QUEUED}),
    "completed": FINAL,
    "interrupted": frozenset({State.STOPPED}),
    **dict.fromkeys(("interrupting", "stopping"), frozenset({State.RUNNING})),
}
"""What State may say, in small letters: words on the wire, states, and the groups of counts."""

SORTS: Mapping[str, str] = {
    "queue-time": "token",
    "start-time": "started_at",
    "finish-time": "ended_at",
}
"""What Sort-By may say, and what it sorts by. A token's order is that of arrival."""

FILTERS = (
    *("State", "Min-Priority", "Max-Priority", "Queued-After", "Queued-Before"),
    *("Started-After", "Started-Before", "Finished-After", "Finished-Before"),
)
"""The parameters that choose."""

LIMITS = ("MaxResults", "After")
"""The parameters that take a part of what is chosen."""

_CHOOSE = frozenset(
    name.casefold() for name in (*FILTERS, *LIMITS, "Sort-By", "Sort-Order", "Preview")
)

_TIME = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T+])?(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r" ?(?P<zone>[A-Za-z][\w+/-]*|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_TIME_EXPECTED = (
    "a time such as 2026-11-23 18:30:00, with a zone such as GMT, Europe/Berlin or +02:00 behind "
    "it if it is not this server's; without a date it is today's"
)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Every action is between these, and they can be counted with on every engine."""

_LARGEST = 1 << 31


@dataclass(frozen=True)
class Wanted:
    """Which actions, in which order, how many."""

    selection: Selection
    sort: str = "token"
    descending: bool = True
    most: int | None = None
    after: str | None = None
    """The token behind which to go on."""


def wanted(queue: str, given: Parameters, states: frozenset[State] = frozenset(State)) -> Wanted:
    """Read the parameters. `states`: those meant without State. Raises AciError."""
    selection = Selection(
        queue,
        _states(given) or states,
        queued=_span(given, "Queued"),
        started=_span(given, "Started"),
        ended=_span(given, "Finished"),
        priorities=(_number(given, "Min-Priority"), _number(given, "Max-Priority")),
    )
    sort = choice(given.get("Sort-By") or "queue-time", "Sort-By", SORTS)
    order = choice(given.get("Sort-Order") or "descending", "Sort-Order", _ORDERS)
    after = given.get("After")
    return Wanted(
        selection,
        SORTS[sort],
        order == "descending",
        most(given),
        token(after, "After") if after else None,
    )


_ORDERS = ("ascending", "descending")


def has_filter(given: Parameters) -> bool:
    """Whether any parameter chooses among the actions of a queue, or limits how many are meant.

    Raises AciError for one without a value: who wanted to choose must not get all.
    """
    there = [name for name in (*FILTERS, *LIMITS) if name in given]
    for name in there:
        if not given[name].strip():
            raise missing(name, "what to choose by, or leave it out")
    return bool(there)


def check(queue: str, given: Parameters) -> None:
    """Return if the parameters that choose make sense, where they are not used. Raises AciError."""
    if any(name.casefold() in _CHOOSE for name in given):
        wanted(queue, given)
        previewed(given)


def previewed(given: Parameters) -> bool:
    """Whether it is only to be told how many actions are meant. Raises AciError."""
    return boolean(given.get("Preview") or "false", "Preview")


def most(given: Parameters) -> int | None:
    """Read MaxResults; None for no limit. Raises AciError."""
    text = given.get("MaxResults")
    if not text:
        return None
    if not re.fullmatch(r"\+?[0-9]{1,1000}", text.strip(), re.ASCII):
        raise invalid("MaxResults", text, "a whole number, such as 100")
    return int(text)


def moment(text: str, parameter: str, now: datetime) -> datetime:
    """Read a time. `now`: with a zone, the server's. Raises AciError."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise invalid(parameter, text, _TIME_EXPECTED)
    try:
        naive = datetime.fromisoformat(f"{found['date'] or now.date()} {found['clock']}")
        zone = zone_named(found["zone"]) if found["zone"] else None
    except ValueError:
        raise invalid(parameter, text, _TIME_EXPECTED) from None
    if not _EARLIEST.year < naive.year < _LATEST.year:
        return _EARLIEST if naive.year <= _EARLIEST.year else _LATEST
    # Without a zone astimezone takes the server's, as it was on that day.
    return (naive.replace(tzinfo=zone) if zone else naive).astimezone()


def _states(given: Parameters) -> frozenset[State]:
    text = given.get("State")
    if not text:
        return frozenset()
    words = [word for word in text.split(",") if word.strip()]
    if not words:
        raise invalid("State", text, "words of status such as Queued, with commas between them")
    return frozenset[State]().union(*(GROUPS[choice(word, "State", GROUPS)] for word in words))


def _span(given: Parameters, event: str) -> Span:
    after, before = given.get(f"{event}-After"), given.get(f"{event}-Before")
    return (
        moment(after, f"{event}-After", _now()) if after else None,
        moment(before, f"{event}-Before", _now()) if before else None,
    )


def _now() -> datetime:
    return datetime.now().astimezone()


def _number(given: Parameters, name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    return whole(text, name)


def whole(text: str, parameter: str) -> int:
    """Read a priority: a whole number of at most 31 bits. Raises AciError."""
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text.strip()) or abs(int(text)) >= _LARGEST:
        raise invalid(parameter, text, "a whole number such as 100 or -5")
    return int(text)
