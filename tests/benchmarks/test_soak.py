"""What a soak makes of its minutes."""

from benchmarks.results import Measurement
from benchmarks.soak import lines


def minutes(*sizes: float, keep: float) -> list[Measurement]:
    return [
        Measurement("soak", "", "ours", number, {"keep": keep}, {"table_mib": size})
        for number, size in enumerate(sizes, 1)
    ]


def test_the_last_minutes_are_compared_with_the_first() -> None:
    assert list(lines(minutes(4, 5, 6, 8, keep=10)))[2:] == ["| table_mib | 5.5 | 4 | 8 | 2.00 |"]


def test_minutes_in_which_nothing_is_removed_yet_are_left_out() -> None:
    assert list(lines(minutes(1, 2, 3, 8, 8, 8, keep=1)))[2:] == [
        "| table_mib | 8 | 8 | 8 | 1.00 |"
    ]


def test_without_minutes_there_is_no_table() -> None:
    assert list(lines([])) == []
