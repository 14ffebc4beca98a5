"""How many actions a slot is given at once follows from how long they take."""

from connector.worker.pace import CHUNK_SECONDS, GROWTH, LARGEST, Pace


def grown(pace: Pace, seconds: float, times: int = 30) -> int:
    for _ in range(times):
        pace.gave(pace.size)
        pace.took([seconds])
    return pace.size


def test_what_is_not_known_is_given_alone() -> None:
    assert Pace().size == 1


def test_short_ones_are_given_many_at_a_time_step_by_step() -> None:
    pace = Pace()
    pace.gave(1)
    pace.took([1e-5])
    assert pace.size == GROWTH
    assert grown(pace, 1e-5) == LARGEST


def test_as_many_are_given_as_fit_into_the_time_of_a_chunk() -> None:
    assert grown(Pace(), CHUNK_SECONDS / 10) in (9, 10)
    assert grown(Pace(), 2 * CHUNK_SECONDS) == 1


def test_a_long_one_among_short_ones_makes_chunks_small_at_once_and_for_a_while() -> None:
    pace = Pace()
    grown(pace, 1e-5)
    pace.took([10.0])
    assert pace.size == 1
    assert grown(pace, 1e-5, times=100) == LARGEST


def test_one_of_many_that_was_held_up_does_not_make_the_next_chunk_small() -> None:
    pace = Pace()
    grown(pace, 1e-5)
    pace.took([1e-5] * 299 + [5e-3])
    assert pace.size == LARGEST
