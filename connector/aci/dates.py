"""Times as ACI writes them: the server's local time, whole seconds, English months.

No locale decides: clients look the month up in a table of English names.
"""

from datetime import datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def queue_time(moment: datetime) -> str:
    """`moment` as in `2015-Aug-17 17:40:49`, the form of QueueInfo.

    Raises:
        ValueError: `moment` has no time zone.
    """
    local = _local(moment)
    return f"{local.year:04}-{_MONTHS[local.month - 1]}-{local.day:02} {_clock(local)}"


def error_time(moment: datetime) -> str:
    """`moment` as in `20 Nov 15 16:49:50`, the form of errortime.

    Raises:
        ValueError: `moment` has no time zone.
    """
    local = _local(moment)
    return f"{local.day:02} {_MONTHS[local.month - 1]} {local.year % 100:02} {_clock(local)}"


def whole_seconds(begin: datetime, end: datetime) -> int:
    """Seconds from `begin` to `end`, rounded down; 0 if the clock went back between them."""
    return max(0, int((end - begin).total_seconds()))


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be told in local time")
    return moment.astimezone()


def _clock(moment: datetime) -> str:
    return f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
