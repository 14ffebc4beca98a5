"""When a schedule is due: local times of a zone, also where its clocks are changed.

A local time that does not exist is taken by the offset before the gap (02:30 becomes 03:30), and
one that exists twice means the first. Source: RFC 5545, section 3.3.5 (form 3).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

DAY = 86400

NOW = "now"
"""A start at the moment the schedule is made."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A start, and how it repeats.

    `start`: "now", a local time as 02:30:00, or a local day and time as 2025-01-31 02:30:00.
    `zone`: name of a zone of the tz database. `repeat`: seconds between two due times; 0 means one
    only. Whole days are counted on the calendar, so that the local time stays when clocks are
    changed; anything else is counted in seconds that go by.
    """

    start: str
    zone: str = "UTC"
    repeat: int = 0

    def first(self, now: datetime) -> datetime:
        """Return the first due time of a schedule that is made now; a day may lie in the past.

        Raises ValueError for what cannot be read.
        """
        now = now.replace(microsecond=0)
        if self.start == NOW:
            return now
        zone = self._zone()
        if " " in self.start:
            return _moment(datetime.fromisoformat(self.start), zone)
        today = now.astimezone(zone).date()
        at = time.fromisoformat(self.start)
        days = (datetime.combine(today + timedelta(days=n), at) for n in (0, 1, 2))
        return next(moment for day in days if (moment := _moment(day, zone)) >= now)

    def latest(self, first: datetime, now: datetime) -> datetime | None:
        """Return the last due time that is not after now, or None if there is none yet.

        `first`: the first due time, as `first` gave it.
        """
        if now < first:
            return None
        if not self.repeat:
            return first
        number = self._about(first, now)
        while self._at(first, number) > now:
            number -= 1
        return self._at(first, number)

    def following(self, first: datetime, moment: datetime) -> datetime | None:
        """Return the first due time after a moment, or None if there is none."""
        if moment < first:
            return first
        if not self.repeat:
            return None
        number = self._about(first, moment) - 2
        while (found := self._at(first, number)) <= moment:
            number += 1
        return found

    def _about(self, first: datetime, moment: datetime) -> int:
        """Return a number of repetitions that is not too small by any change of clocks."""
        return int((moment - first).total_seconds() // self.repeat) + 2

    def _at(self, first: datetime, number: int) -> datetime:
        if self.repeat % DAY:
            return first + timedelta(seconds=number * self.repeat)
        zone = self._zone()
        local = first.astimezone(zone).replace(tzinfo=None)
        if self.start != NOW:
            # The first may have stood in a gap; the others are to be as they were asked for.
            local = datetime.combine(local, time.fromisoformat(self.start.rpartition(" ")[2]))
        return _moment(local + timedelta(days=number * (self.repeat // DAY)), zone)

    def _zone(self) -> tzinfo:
        if self.zone == "UTC":
            return UTC  # also where the machine has no tz database
        try:
            return ZoneInfo(self.zone)
        except (KeyError, OSError) as error:
            raise ValueError(f"this machine knows no time zone {self.zone!r}") from error


def _moment(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
