from collections.abc import Callable

import pytest

from connector.config import Loaded
from connector.config.schedule import ScheduleSettings

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


def schedule(loaded: Load, *lines: str) -> ScheduleSettings:
    text = "\n".join(["[FetchTasks]", "0=A", "[A]", *lines])
    (task,) = loaded(text).settings.tasks
    return task


@pytest.mark.parametrize(
    "text, start",
    [
        ("now", "now"),
        (" NOW ", "now"),
        ("2:30", "02:30:00"),
        ("23:59:59", "23:59:59"),
        ("2025-01-31 02:30", "2025-01-31 02:30:00"),
        ("2025/01/31T2:30:15", "2025-01-31 02:30:15"),
    ],
)
def test_a_start_is_now_a_time_or_a_day_and_time(loaded: Load, text: str, start: str) -> None:
    found = schedule(loaded, f"ScheduleStartTime={text}")
    assert found.schedule_start_time == start and found.scheduled


@pytest.mark.parametrize("text", ["soon", "24:00", "2:3", "2025-02-30 02:30", "2025-01-31", "٢:30"])
def test_any_other_start_is_refused_with_what_would_be_right(problems: Problems, text: str) -> None:
    (problem,) = problems(f"[FetchTasks]\n0=A\n[A]\nScheduleStartTime={text}\n")
    assert "[A] ScheduleStartTime" in problem
    assert "expected now, a time as 02:30, or a day and time as 2025-01-31 02:30" in problem


def test_a_task_without_keys_has_no_schedule(loaded: Load) -> None:
    assert not schedule(loaded).scheduled
    assert not schedule(loaded, "ScheduleCycles=3").scheduled
    assert not schedule(loaded, "ScheduleRepeatSecs=60", "ScheduleCycles=0").scheduled
    assert schedule(loaded, "ScheduleRepeatSecs=60").scheduled


def test_keys_for_all_tasks_give_way_to_those_of_one(loaded: Load) -> None:
    text = """
    [FetchTasks]
    0=A
    1=B
    ScheduleStartTime=02:30
    ScheduleRepeatSecs=86400
    ScheduleTimeZone=Europe/Berlin
    ScheduleMissed=SKIP
    [A]
    [B]
    ScheduleRepeatSecs=3600
    ScheduleCycles=5
    """
    a, b = loaded(text).settings.tasks
    assert (a.schedule_repeat_secs, a.schedule_cycles) == (86400, -1)
    assert (b.schedule_repeat_secs, b.schedule_cycles) == (3600, 5)
    assert {t.schedule_time_zone for t in (a, b)} == {"Europe/Berlin"}
    assert {t.schedule_missed for t in (a, b)} == {"skip"}


@pytest.mark.parametrize("text", ["Europe/Nowhere", "Europe", "../../etc/passwd", "CET+1 hour"])
def test_an_unknown_time_zone_is_refused(problems: Problems, text: str) -> None:
    (problem,) = problems(f"[FetchTasks]\n0=A\nScheduleTimeZone={text}\n[A]\n")
    assert "ScheduleTimeZone" in problem and "expected a time zone as Europe/Berlin" in problem


def test_utc_needs_no_tz_database(loaded: Load) -> None:
    assert schedule(loaded, "ScheduleTimeZone=utc").schedule_time_zone == "UTC"


def test_a_schedule_does_not_change_what_a_fetch_does(loaded: Load) -> None:
    plain = loaded("[FetchTasks]\n0=A\n[A]\n").settings.hash
    timed = loaded("[FetchTasks]\n0=A\n[A]\nScheduleStartTime=02:30\n").settings.hash
    other = loaded("[FetchTasks]\n0=A\n[A]\nSweepDays=1\n").settings.hash
    assert plain == timed != other


def test_schedules_can_be_switched_off(loaded: Load) -> None:
    assert loaded("").settings.connector.enable_scheduled_tasks
    text = "[Connector]\nEnableScheduledTasks=false\n"
    assert not loaded(text).settings.connector.enable_scheduled_tasks
