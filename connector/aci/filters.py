"""The parameters of QueueInfo that choose among actions, and put them in order.

Source: QueueInfo in the vendor's connector, Content and Media Server references. `After` is ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector.aci.errors import invalid
from connector.aci.parameters import Parameters
from connector.aci.status import WORDS
from connector.aci.values import choice, token
from connector.jobs.selection import Selection, Span
from connector.jobs.states import FINAL, State

GROUPS: Mapping[str, frozenset[State]] = {
    **{word.casefold(): frozenset({state}) for state, word in WORDS.items()},
    **{str(state): frozenset({state}) for state in State},
    "pending": frozenset({State.QUEUED}),
    "completed": FINAL,
    "interrupted": frozenset({State.STOPPED}),
    "interrupting": frozenset({State.RUNNING}),
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

_TIME = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T+])?(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r" ?(?P<zone>[A-Za-z][\w+/-]*|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_TIME_EXPECTED = (
    "a time such as 2026-11-23 18:30:00, with a zone such as GMT behind it if it is not "
    "this server's; without a date it is today's"
)
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

    @property
    def newest_first(self) -> bool:
        """Whether they come in the order in which they are read."""
        return self.sort == "token" and self.descending


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
        str(token(after, "After")) if after else None,
    )


_ORDERS = ("ascending", "descending")


def has_filter(given: Parameters) -> bool:
    """Whether any parameter chooses among the actions of a queue."""
    return any(given.get(name) for name in FILTERS)


def most(given: Parameters) -> int | None:
    """Read MaxResults; None for no limit. Raises AciError."""
    text = given.get("MaxResults")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid("MaxResults", text, "a whole number, such as 100")
    return int(text)


def moment(text: str, parameter: str, now: datetime) -> datetime:
    """Read a time. `now`: with a zone, the server's. Raises AciError."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise invalid(parameter, text, _TIME_EXPECTED)
    date = found["date"] or now.date().isoformat()
    try:
        naive = datetime.fromisoformat(f"{date} {found['clock']}")
        zone = _zone(found["zone"])
        # Without a zone astimezone takes the server's, as it was on that day.
        return (naive.replace(tzinfo=zone) if zone else naive).astimezone()
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        raise invalid(parameter, text, _TIME_EXPECTED) from None


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    if name[0] in "+-":
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
    return ZoneInfo("UTC" if name.upper() in ("Z", "GMT", "UTC") else name)


def _states(given: Parameters) -> frozenset[State]:
    text = given.get("State")
    if not text:
        return frozenset()
    words = [word for word in text.split(",") if word.strip()]
    return frozenset[State]().union(*(GROUPS[choice(word, "State", GROUPS)] for word in words))


def _span(given: Parameters, event: str) -> Span:
    now = datetime.now().astimezone()
    after, before = given.get(f"{event}-After"), given.get(f"{event}-Before")
    return (
        moment(after, f"{event}-After", now) if after else None,
        moment(before, f"{event}-Before", now) if before else None,
    )


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
