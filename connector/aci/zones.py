"""Time zones as people write them behind a time: names in any case, abbreviations, offsets.

Source: RFC 822 for the American abbreviations; the European ones are as usual there. What means
several zones, such as IST, is none.
"""

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

_HOURS: Mapping[str, int] = {
    **dict.fromkeys(("z", "gmt", "utc", "ut", "wet"), 0),
    "bst": 1,
    "west": 1,
    "cet": 1,
    "cest": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "akst": -9,
    "akdt": -8,
    "hst": -10,
    "jst": 9,
    "kst": 9,
    "aest": 10,
    "aedt": 11,
}


def zone_named(name: str) -> tzinfo:
    """Return a zone such as Europe/Berlin, CET or +02:00. Raises ValueError."""
    if name[0] in "+-":
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
        assert zone is not None, "a time with an offset has one"
        return zone
    hours = _HOURS.get(name.casefold())
    if hours is not None:
        return timezone(timedelta(hours=hours))
    try:
        return ZoneInfo(_names()[name.casefold()])
    except KeyError:
        raise ValueError(f"there is no time zone {name}") from None


@functools.cache
def _names() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones()}
