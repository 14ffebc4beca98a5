"""Watching values: asked for together, and nobody is told what was asked before he came."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from connector.aci.errors import AciError, Code
from connector.aci.watch import Watch

TICK = 0.01
DEADLINE = 10.0


class Asked:
    """Answers with how often it was asked, when it may."""

    def __init__(self) -> None:
        self.keys: list[list[str]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.errors: list[Exception] = []

    async def __call__(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.keys.append(sorted(keys))
        number = len(self.keys)
        await self.free.wait()
        if self.errors:
            raise self.errors.pop()
        return {key: number for key in keys if key != "absent"}


def test_keys_are_asked_for_together_and_only_while_they_are_watched() -> None:
    async def main() -> None:
        asked = Asked()
        watch = Watch(asked, TICK)
        with watch.on("a") as a:
            with watch.on("a"), watch.on("absent") as absent:
                assert await absent.until(lambda value: value is None, DEADLINE) is None
                assert asked.keys[-1] == ["a", "absent"]
            seen = len(asked.keys)
            await a.until(lambda value: value is not None and value > seen + 1, DEADLINE)
            assert asked.keys[-1] == ["a"]
        with watch.on("b") as b:
            await b.until(lambda value: True, DEADLINE)
        assert asked.keys[-1] == ["b"]

    asyncio.run(main())


def test_an_answer_that_was_asked_for_before_is_not_told() -> None:
    async def main() -> None:
        asked = Asked()
        asked.free.clear()
        watch = Watch(asked, TICK, at_once=True)
        with watch.on("a") as a, watch.on("b"):
            while not asked.keys:
                await asyncio.sleep(0)
            late = asyncio.create_task(a.until(lambda value: True, DEADLINE))
            await asyncio.sleep(0)
            asked.free.set()
            assert await late == 2

    asyncio.run(main())


def test_a_question_that_fails_is_asked_again_unless_nobody_knows_why() -> None:
    async def main() -> None:
        asked = Asked()
        watch = Watch(asked, TICK, at_once=True)
        with watch.on("a") as a:
            asked.errors = [AciError(Code.UNAVAILABLE, "Away.")]
            assert await a.until(lambda value: True, DEADLINE) == 2
            asked.errors = [ZeroDivisionError()]
            with pytest.raises(ZeroDivisionError):
                await a.until(lambda value: True, DEADLINE)
        with watch.on("a") as a:
            assert await a.until(lambda value: True, DEADLINE), "begun anew"
            with pytest.raises(TimeoutError):
                await a.until(lambda value: False, TICK)

    asyncio.run(main())
