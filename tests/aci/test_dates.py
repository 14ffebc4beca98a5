from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connector.aci.dates import error_time, queue_time, whole_seconds

MOMENT = datetime(2015, 8, 17, 16, 40, 49, 999_999, tzinfo=UTC)


def test_times_are_local_in_whole_seconds_with_an_english_month(
    local_zone: Callable[[str], None],
) -> None:
    local_zone("Europe/London")
    assert queue_time(MOMENT) == "2015-Aug-17 17:40:49"
    assert error_time(MOMENT) == "17 Aug 15 17:40:49"
    assert queue_time(MOMENT + timedelta(days=120)) == "2015-Dec-15 16:40:49"


def test_the_twelve_months_have_their_english_names(local_zone: Callable[[str], None]) -> None:
    local_zone("UTC")
    months = [queue_time(datetime(1999, m, 1, tzinfo=UTC))[5:8] for m in range(1, 13)]
    assert " ".join(months) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def test_short_numbers_are_padded(local_zone: Callable[[str], None]) -> None:
    local_zone("UTC")
    assert error_time(datetime(2006, 2, 6, 7, 3, 4, tzinfo=UTC)) == "06 Feb 06 07:03:04"
    assert queue_time(datetime(101, 2, 6, 7, 3, 4, tzinfo=UTC)) == "0101-Feb-06 07:03:04"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        queue_time(MOMENT.replace(tzinfo=None))


def test_seconds_are_whole_and_never_negative() -> None:
    assert whole_seconds(MOMENT, MOMENT + timedelta(seconds=2.9)) == 2
    assert whole_seconds(MOMENT, MOMENT - timedelta(seconds=2.9)) == 0
