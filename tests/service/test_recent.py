"""Values that are made once in a while, and the history of requests."""

import asyncio

import pytest

from connector.service.recent import Recent
from connector.service.statistics import History


def test_a_value_is_made_once_for_all_who_ask_at_the_same_time() -> None:
    made: list[int] = []

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(1)
        return len(made)

    async def ask() -> list[int]:
        recent = Recent(make, clock=lambda: 0.0)
        return await asyncio.gather(*(recent.get() for _ in range(5)))

    assert asyncio.run(ask()) == [1] * 5


def test_an_old_value_is_made_anew_and_a_failure_is_not_kept() -> None:
    now = [0.0]
    plan = iter(["first", None, "second"])

    async def make() -> str:
        if (value := next(plan)) is None:
            raise LookupError
        return value

    async def ask() -> None:
        recent = Recent(make, seconds=1.0, clock=lambda: now[0])
        assert await recent.get() == "first"
        now[0] = 0.9
        assert await recent.get() == "first"
        now[0] = 1.0
        with pytest.raises(LookupError):
            await recent.get()
        assert await recent.get() == "second"

    asyncio.run(ask())


def test_what_takes_long_to_make_is_kept_longer() -> None:
    now = [0.0]

    async def make() -> float:
        now[0] += 2.0
        return now[0]

    async def ask() -> None:
        recent = Recent(make, seconds=1.0, clock=lambda: now[0])
        assert await recent.get() == 2.0
        now[0] = 21.0
        assert await recent.get() == 2.0
        now[0] = 22.0
        assert await recent.get() == 24.0

    asyncio.run(ask())


def test_periods_count_what_happened_in_them() -> None:
    history = History(0.0)
    for second in range(7201):
        # Ten requests a second in the first hour, one in the second; each takes 2 ms.
        requests = 10 * min(second, 3600) + max(0, second - 3600)
        history.sample(float(second), requests, requests * 0.002)
    assert history.last(10, 7200).requests == 10
    assert history.last(60, 7200).requests == 60
    assert history.last(3600, 7200).requests == pytest.approx(3600, abs=600)
    day = history.last(86400, 7200)
    assert day.requests == 3600 * 11
    assert day.peak == 10
    assert day.seconds == pytest.approx(3600 * 11 * 0.002)


def test_a_day_of_samples_takes_little_room() -> None:
    history = History(0.0)
    for second in range(100_000):
        history.sample(float(second), second, 0.0)
    assert len(history._fine) <= 62
    assert len(history._coarse) <= 1442
    assert history.last(86400, 99_999).requests == pytest.approx(86400, abs=61)
