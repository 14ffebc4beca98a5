"""How often a wait asks."""

from hypothesis import given
from hypothesis import strategies as st

from connector.client.pace import (
    FIRST,
    LONGEST,
    LONGEST_SHOWN,
    SERVER_WAITS,
    SERVER_WAITS_SHOWN,
    Pace,
)


def test_a_server_that_does_not_wait_is_asked_less_and_less_often() -> None:
    pace = Pace(shown=False)
    rests = [pace.rest(0.0, changed=False) for _ in range(30)]
    assert rests[0] == FIRST and rests[-1] == LONGEST
    assert rests == sorted(rests)


def test_progress_that_is_looked_at_is_asked_for_more_often() -> None:
    pace = Pace(shown=True)
    assert max(pace.rest(0.0, changed=False) for _ in range(30)) == LONGEST_SHOWN


def test_a_change_begins_the_pauses_anew() -> None:
    pace = Pace(shown=False)
    for _ in range(30):
        pace.rest(0.0, changed=False)
    assert pace.rest(0.0, changed=True) == FIRST


@given(st.lists(st.tuples(st.floats(0, 60), st.booleans())), st.booleans())
def test_a_server_that_waits_is_asked_again_at_once(
    asked: list[tuple[float, bool]], shown: bool
) -> None:
    pace = Pace(shown)
    for took, changed in asked:
        assert 0.0 <= pace.rest(took, changed) <= max(0.0, LONGEST - took)


@given(st.none() | st.floats(0, 1e6), st.booleans())
def test_the_server_is_asked_to_wait_no_longer_than_there_is_time(
    left: float | None, shown: bool
) -> None:
    seconds = Pace(shown).server_waits(left)
    assert 0 <= seconds <= (SERVER_WAITS_SHOWN if shown else SERVER_WAITS)
    assert left is None or seconds <= left
