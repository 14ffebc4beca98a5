"""When schedules are due. Clocks of Berlin: forward on 2025-03-30, back on 2025-10-26, at 01:00Z"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.jobs.timing import DAY, Timing

BERLIN = "Europe/Berlin"
ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(timing: Timing, made: str, count: int) -> list[str]:
    """Return the first due times of a schedule that was made at a moment, in UTC."""
    first = timing.first(at(made))
    found: list[datetime | None] = [first]
    while len(found) < count and (last := found[-1]) is not None:
        found.append(timing.following(first, last))
    return [f"{moment:%m-%d %H:%M}" for moment in found if moment]


def test_now_is_the_second_it_is_made_in() -> None:
    made = datetime(2025, 1, 1, 12, 0, 5, 700, tzinfo=UTC)
    assert Timing("now").first(made) == at("2025-01-01 12:00:05")
    assert times(Timing("now", repeat=3600), "2025-01-01 12:00", 3) == [
        "01-01 12:00",
        "01-01 13:00",
        "01-01 14:00",
    ]


@pytest.mark.parametrize(
    "made, first", [("2025-01-01 00:30", "01-01 01:30"), ("2025-01-01 01:31", "01-02 01:30")]
)
def test_a_time_of_day_is_the_next_one_in_its_zone(made: str, first: str) -> None:
    assert times(Timing("02:30:00", BERLIN), made, 1) == [first]


def test_a_start_without_repetition_is_due_once() -> None:
    timing = Timing("2025-01-31 02:30:00", BERLIN)
    assert times(timing, "2025-01-01", 5) == ["01-31 01:30"]
    first = timing.first(at("2025-01-01"))
    assert timing.latest(first, at("2025-01-30")) is None
    assert timing.latest(first, at("2026-01-01")) == first


def test_a_start_in_the_past_counts_for_what_follows() -> None:
    timing = Timing("2024-01-01 00:00:00", "UTC", 7 * DAY)
    first = timing.first(at("2025-01-01"))
    assert timing.following(first, at("2025-01-01")) == at("2025-01-06"), "a Monday, as the start"


def test_a_daily_local_time_stays_when_clocks_are_changed() -> None:
    daily = Timing("08:00:00", BERLIN, DAY)
    assert times(daily, "2025-03-29 00:00", 3) == ["03-29 07:00", "03-30 06:00", "03-31 06:00"]
    assert times(daily, "2025-10-25 00:00", 3) == ["10-25 06:00", "10-26 07:00", "10-27 07:00"]


def test_a_local_time_that_does_not_exist_is_due_after_the_gap_and_on_that_day_alone() -> None:
    daily = Timing("02:30:00", BERLIN, DAY)
    expected = ["03-29 01:30", "03-30 01:30", "03-31 00:30"]
    assert times(daily, "2025-03-29 00:00", 3) == expected
    assert times(daily, "2025-03-30 00:00", 2) == expected[1:], "also where it is the first"


def test_a_local_time_that_exists_twice_is_due_at_the_first_and_once() -> None:
    daily = Timing("02:30:00", BERLIN, DAY)
    assert times(daily, "2025-10-25 00:00", 3) == ["10-25 00:30", "10-26 00:30", "10-27 01:30"]
    assert times(daily, "2025-10-26 01:00", 1) == ["10-27 01:30"], "the second 02:30 is none"


def test_less_than_a_day_is_counted_in_seconds_that_go_by() -> None:
    often = Timing("00:00:00", BERLIN, 2 * 3600)
    assert times(often, "2025-03-29 23:00", 3) == ["03-29 23:00", "03-30 01:00", "03-30 03:00"]


def test_a_day_that_a_zone_left_out_makes_no_second_due_time() -> None:
    daily = Timing("12:00:00", "Pacific/Apia", DAY)  # had no 30 December 2011
    due = times(daily, "2011-12-28 00:00", 4)
    assert due == ["12-28 22:00", "12-29 22:00", "12-30 22:00", "12-31 22:00"]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["now", "02:30:00", "00:00:00", "23:59:59", "2011-12-28 02:00:00"]),
    st.sampled_from([1, 60, 3600, 5400, DAY, 7 * DAY, DAY + 1]),
    st.datetimes(datetime(2011, 12, 28), datetime(2026, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=800)),
)
def test_due_times_follow_each_other_without_gap_or_repeat(
    zone: str, start: str, repeat: int, made: datetime, later: timedelta
) -> None:
    timing = Timing(start, zone, repeat)
    first, now = timing.first(made), made + later
    following = timing.following(first, now)
    assert following is not None and following > now
    latest = timing.latest(first, now)
    if latest is None:
        assert following == first > now
    else:
        assert first <= latest <= now
        assert timing.following(first, latest) == following
        assert timing.latest(first, following) == following


@pytest.mark.parametrize("timing", [Timing("25:00:00"), Timing("soon"), Timing("01:00:00", "X/Y")])
def test_what_cannot_be_read_is_a_value_error(timing: Timing) -> None:
    with pytest.raises(ValueError):
        timing.first(at("2025-01-01"))
