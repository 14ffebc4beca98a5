"""When fetch tasks are run by themselves: keys of a task, and the switch for all of them."""

import re
from datetime import datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from connector.config.model import SectionModel
from connector.config.values import Boolean, Form, Setting, Whole, Word

LONGEST = 366 * 86400
"""Seconds between two due times, at most."""

_START = re.compile(r"(\d{4}[-/]\d{2}[-/]\d{2}[ T])?(\d{1,2}:\d{2}(:\d{2})?)", re.ASCII)


def _start(value: object) -> object:
    """Return a start as "now", "HH:MM:SS" or "YYYY-MM-DD HH:MM:SS"."""
    if not isinstance(value, str) or value.strip().casefold() in ("", "now"):
        return value.strip().casefold() if isinstance(value, str) else value
    match = _START.fullmatch(value.strip())
    try:
        if match is None:
            raise ValueError
        at = time.fromisoformat(match[2].zfill(8 if match[3] else 5))
        if match[1] is None:
            return at.isoformat()
        day = datetime.fromisoformat(match[1][:10].replace("/", "-"))
        return str(datetime.combine(day, at))
    except ValueError:
        raise PydanticCustomError("start", "not a start") from None


def _zone(value: str) -> str:
    value = value.strip()
    if value.casefold() in ("utc", "z"):
        return "UTC"
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("zone", "not a zone") from None
    return value


class ConnectorSettings(SectionModel, frozen=True):
    """What this connector does by itself."""

    enable_scheduled_tasks: Annotated[
        Boolean,
        Setting(
            "Whether this server keeps the schedules of fetch tasks: see `ScheduleStartTime` and "
            "`ScheduleRepeatSecs` in `[FetchTasks]`. Where no server does, what they have reached "
            "is kept for when one does again."
        ),
    ] = True


class ScheduleSettings(SectionModel, frozen=True):
    """The keys of a task's schedule."""

    schedule_start_time: Annotated[
        str,
        BeforeValidator(_start),
        Form("now, a time as 02:30, or a day and time as 2025-01-31 02:30"),
        Setting(
            "When the task is first run by itself, in `ScheduleTimeZone`: `now` (when the schedule "
            "is new or was changed), the next time the clock shows `02:30`, or a day and time. "
            "Empty: `now` where `ScheduleRepeatSecs` is set, and else never.",
            example="02:30",
        ),
    ] = ""
    schedule_repeat_secs: Annotated[
        Whole,
        Field(ge=0, le=LONGEST),
        Setting(
            "Time from one run to the next. Whole days (86400 and its multiples) keep the local "
            "time when clocks are changed. 0: it is run once.",
            "seconds",
        ),
    ] = 0
    schedule_cycles: Annotated[
        Whole,
        Field(ge=-1, le=1_000_000_000),
        Setting("How often it is run in all. -1: without end. 0: never.", "runs"),
    ] = -1
    schedule_time_zone: Annotated[
        str,
        AfterValidator(_zone),
        Form("a time zone as Europe/Berlin, which this machine knows"),
        Setting("Time zone of `ScheduleStartTime`, as the tz database names it."),
    ] = "UTC"
    schedule_missed: Annotated[
        Literal["once", "skip"],
        Word,
        Form("one of once, skip"),
        Setting(
            "What becomes of due times at which no server ran, more than a minute ago: `once` runs "
            "the task once for all of them, `skip` waits for the next one."
        ),
    ] = "once"

    @property
    def scheduled(self) -> bool:
        """Whether there is a schedule at all."""
        timed = bool(self.schedule_start_time or self.schedule_repeat_secs)
        return timed and self.schedule_cycles != 0
