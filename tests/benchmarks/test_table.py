"""Medians and ratios, and the table made of them."""

from benchmarks.goals import ROWS
from benchmarks.measures import MEASURES
from benchmarks.results import Measurement
from benchmarks.table import Figure, Row, Wanted, lines, others, ratio, shown

RATE = Figure("drain", "rate")


def measured(who: str, *rates: float, measure: str = "drain") -> list[Measurement]:
    return [
        Measurement(measure, "", who, number, {"n": 2000}, {"rate": rate})
        for number, rate in enumerate(rates, 1)
    ]


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    # The median of the one over the median of the other were 2.
    assert ratio({1: 10, 2: 20, 3: 30}, {1: 10, 2: 5, 3: 30}) == 1


def test_a_ratio_takes_rounds_that_both_have() -> None:
    assert ratio({1: 10, 2: 20}, {2: 10, 3: 1}) == 2
    assert ratio({1: 10}, {2: 10}) is None
    assert ratio({1: 10}, {1: 0}) is None


def test_the_table_has_ours_beside_limit_and_peers() -> None:
    row = Row("drain", RATE, (Wanted(2.0, "other"), Wanted(150)), limit=RATE)
    of = [*measured("limit", 400, 400), *measured("other", 100, 80), *measured("ours", 100, 200)]
    assert list(lines([row], of))[2:] == [
        "| drain | n 2,000 | 400 (0.38) | 90 (1.75) | **150** "
        "| at least 2 × other; at least 150 | 2 | no (1.75), yes |"
    ]


def test_less_may_be_better() -> None:
    row = Row("latency", RATE, (Wanted(3),), most=True)
    assert list(lines([row], measured("ours", 2.5)))[2].endswith("| at most 3 | 1 | yes |")


def test_what_was_not_measured_is_left_out() -> None:
    row = Row("drain", RATE, (Wanted(2.0, "other"),))
    assert len(list(lines([row], measured("limit", 1)))) == 2
    assert list(lines([row], measured("ours", 5)))[2].endswith("| – |")


def test_a_figure_that_failed_has_no_place_in_the_table() -> None:
    failed = Measurement("drain", "", "ours", 2, {}, {}, "no")
    (line,) = list(lines([Row("drain", RATE)], [*measured("ours", 5), failed]))[2:]
    assert "| **5** |" in line


def test_figures_without_a_row_are_listed() -> None:
    of = [*measured("ours", 5), *measured("ours", 1, 2, 6, measure="more")]
    (line,) = list(others([Row("drain", RATE)], of))[2:]
    assert line == "| more |  | rate | ours | 2 | 1 | 6 | 3 |"


def test_figures_have_three_digits_at_least() -> None:
    assert [shown(value) for value in (12345.6, 101.2, 3.14159, 0.0123456)] == [
        "12,346",
        "101",
        "3.14",
        "0.0123",
    ]


def test_every_row_is_of_a_measure_that_there_is() -> None:
    figures = [row.figure for row in ROWS] + [row.limit for row in ROWS if row.limit]
    assert {figure.measure for figure in figures} <= MEASURES.keys()
