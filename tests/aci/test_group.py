"""The group: nobody waits for a batch to fill, and everybody gets an answer of their own."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from connector.aci.group import Group, NotBegun, Unfinished


class Work:
    """Work that notes its batches and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.begun.set()
        assert self.go.wait(10)
        if 13 in items:
            raise LookupError("thirteen")
        return [ValueError(item) if item < 0 else item * 2 for item in items]


def run(test: Callable[[Group[int, int], Work], object], limit: int = 500) -> Work:
    work = Work()
    group: Group[int, int] = Group("test", work, limit=limit)
    try:
        asyncio.run(test(group, work))  # type: ignore[arg-type]
    finally:
        work.go.set()
        group.close(5.0)
    return work


def test_a_lone_caller_waits_for_nobody() -> None:
    async def lone(group: Group[int, int], work: Work) -> None:
        assert await group.call(21, 5.0) == 42

    assert run(lone).batches == [[21]]


def test_whoever_waits_shares_the_next_batch() -> None:
    async def many(group: Group[int, int], work: Work) -> None:
        work.go.clear()
        first = asyncio.create_task(group.call(0, 5.0))
        await asyncio.to_thread(work.begun.wait, 5)
        rest = [asyncio.create_task(group.call(number, 5.0)) for number in range(1, 8)]
        await asyncio.sleep(0)
        work.go.set()
        assert await first == 0
        assert await asyncio.gather(*rest) == [number * 2 for number in range(1, 8)]

    assert run(many, limit=5).batches == [[0], [1, 2, 3, 4, 5], [6, 7]]


def test_an_error_goes_to_whom_it_concerns() -> None:
    async def some(group: Group[int, int], work: Work) -> None:
        results = await asyncio.gather(
            *(group.call(number, 5.0) for number in (1, -1, 2)), return_exceptions=True
        )
        assert results[0] == 2 and results[2] == 4 and isinstance(results[1], ValueError)
        with pytest.raises(LookupError):
            await group.call(13, 5.0)
        assert await group.call(3, 5.0) == 6

    run(some)


def test_who_was_not_begun_in_time_is_told_apart_from_who_was() -> None:
    async def late(group: Group[int, int], work: Work) -> None:
        work.go.clear()
        begun = asyncio.create_task(group.call(1, 0.2))
        await asyncio.to_thread(work.begun.wait, 5)
        with pytest.raises(NotBegun):
            await group.call(2, 0.05)
        with pytest.raises(Unfinished):
            await begun

    assert run(late).batches == [[1]], "what was not begun is never done later"


def test_closing_finishes_what_was_accepted() -> None:
    async def closing(group: Group[int, int], work: Work) -> None:
        work.go.clear()
        accepted = [asyncio.create_task(group.call(number, 5.0)) for number in (1, 2, 3)]
        await asyncio.to_thread(work.begun.wait, 5)
        work.go.set()
        await asyncio.to_thread(group.close, 5.0)
        assert await asyncio.gather(*accepted) == [2, 4, 6]

    run(closing)
