"""Claims beside all else that a worker does, and what becomes of what they get."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Unavailable
from connector.jobs import claim, outcomes, reading, submit
from connector.jobs.job import NewJob, Run
from connector.jobs.states import State
from connector.jobs.token import new_token
from connector.worker.cursor import GROWTH
from connector.worker.filling import KEPT, LET_GO, SOON_FREE, Filler
from connector.worker.lease import Lease
from connector.worker.recording import Recorder
from tests.plugin.test_actions_plugin import Test

pytestmark = pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)

ROOM = 16


class Taking:
    """A slot that keeps what it is given."""

    open, ending, began = True, None, 0.0

    def __init__(self, room: dict[Any, int]) -> None:
        self._room = room
        self.given: list[str] = []
        self.run: Run | None = None
        self.behind: list[Run] = []

    @property
    def idle(self) -> bool:
        return self.run is None

    def give(self, runs: Sequence[Run], now: float) -> None:
        self.given += [run.token for run in runs]
        self.run = runs[0]
        self._room.pop(self, None)


class Bench:
    """A filler with two slots, the first of which has room for ROOM runs at each `fill`."""

    def __init__(
        self, database: Database, beats: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = Settings.model_validate(
            {"database": {"url": "sqlite:////unused"}, "paths": {"data_directory": folder}}
        )
        self.database = database
        self.room: dict[Any, int] = {}
        self.slots = [Taking(self.room), Taking(self.room)]
        self.told = threading.Event()
        slots: list[Any] = self.slots
        self.recorder = Recorder(database, settings)
        self.filler = Filler(
            settings, {"Test": Test()}, database, slots, self.recorder, told=self.told.set
        )
        self.lease = Lease(database, folder, 15.0, {"Test": 2}, [], beats=beats)
        self.lease.register()
        self.filler.took("Test", 1e-6)
        self.filler.told_all()
        monkeypatch.setattr(self.filler, "_room", lambda queue, at_once=False: dict(self.room))

    def store(self, count: int, priority: int = 0) -> list[str]:
        new = [NewJob(new_token(), "Test", {}, priority=priority) for _ in range(count)]
        self.database.run(submit.submit, new)
        return [job.token for job in new]

    def fill(self, now: float) -> None:
        self.room[self.slots[0]] = ROOM
        self.filler.fill(self.lease, now, lambda: None)

    def collected(self, now: float, keep: bool = False) -> None:
        """Wait for the claim beside and collect it."""
        assert self.told.wait(20)
        self.told.clear()
        assert self.filler.collect(self.lease, now, keep)

    def states(self, tokens: Sequence[str]) -> set[State]:
        return {job.state for job in self.database.read(reading.get, tokens).values()}


@pytest.fixture
def bench(
    empty_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    made = Bench(database, Database(empty_url, application="beats"), tmp_path, monkeypatch)
    yield made
    made.filler.collect(made.lease, 20.0, True)
    made.lease.end()


def at_it(bench: Bench, more: int = 100) -> list[str]:
    """Have a first claim made, after which there is much, and the next begun beside."""
    tokens = bench.store(ROOM + more)
    bench.fill(10.0)
    assert bench.slots[0].given == tokens[:ROOM]
    assert not bench.filler.collect(bench.lease, 10.0)
    bench.fill(10.001)
    assert bench.filler._claimer.under_way == "Test"
    return tokens


def test_of_much_the_next_is_claimed_beside_and_given_when_it_is_there(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.fill(10.002)  # there is one at a time
    bench.collected(10.003)
    assert bench.slots[0].given == tokens[: 2 * ROOM]
    assert not bench.filler.collect(bench.lease, 10.004)
    assert not bench.filler.holds


def test_what_is_not_short_is_claimed_when_a_slot_is_sure_to_take_it(bench: Bench) -> None:
    bench.filler.took("Test", 100.0)
    bench.filler.told_all()
    tokens = bench.store(ROOM + 100)
    for now in (10.0, 10.001):
        bench.fill(now)
    assert bench.slots[0].given == tokens[: 2 * ROOM]
    assert not bench.filler.collect(bench.lease, 10.002)


def test_what_comes_when_nothing_is_given_any_more_is_kept(bench: Bench) -> None:
    tokens = at_it(bench)
    assert bench.filler.collect(bench.lease, 10.002, True)
    assert [run.token for run in bench.filler.back] == tokens[ROOM : 2 * ROOM]
    assert bench.filler.holds
    assert bench.slots[0].given == tokens[:ROOM]


def test_of_very_many_that_no_slot_takes_most_go_back_to_their_queue(bench: Bench) -> None:
    tokens = bench.store(KEPT + LET_GO + 20)
    runs = bench.database.run(claim.claim, "Test", bench.lease.worker_id, len(tokens))
    bench.filler.back.extend(runs)
    for now in (10.0, 10.9, 11.0, 11.1, 11.2, 11.3):
        assert len(bench.filler.back) == len(runs) or now > 11.0, "slots may become free for them"
        bench.room.clear()
        bench.filler.fill(bench.lease, now, lambda: None)
        bench.recorder.record(lambda: None)
    assert [run.token for run in bench.filler.back] == tokens[:KEPT]
    assert bench.states(tokens[KEPT:]) == {State.QUEUED}
    assert bench.states(tokens[:KEPT]) == {State.RUNNING}


def test_they_are_not_forgotten_while_another_queue_has_a_free_slot(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = bench.store(KEPT + 1)
    bench.filler.back.extend(
        bench.database.run(claim.claim, "Test", bench.lease.worker_id, len(tokens))
    )
    free = {"Test": {}, "Other": {bench.slots[1]: 1}}
    monkeypatch.setattr(bench.filler, "_limits", {"Test": 2, "Other": 1})
    monkeypatch.setattr(bench.filler, "_room", lambda queue, at_once=False: free[queue])
    assert bench.filler.fill(bench.lease, 10.0, lambda: None) == pytest.approx(SOON_FREE)


def test_what_a_lost_lease_has_claimed_is_given_to_nobody(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.lease.drop(wait=5.0)
    bench.collected(10.002)
    assert [run.token for run in bench.filler.back] == tokens[ROOM : 2 * ROOM], "for its end"
    assert bench.slots[0].given == tokens[:ROOM]


def test_what_was_claimed_before_the_lease_that_there_is_now_is_given_to_nobody(
    bench: Bench,
) -> None:
    tokens = at_it(bench)
    assert bench.told.wait(20)
    bench.lease.drop(wait=5.0)
    bench.lease.register()
    bench.collected(10.002)
    assert not bench.filler.holds, "others hand them on"
    assert bench.slots[0].given == tokens[:ROOM]


def test_a_claim_that_gets_no_answer_is_told_and_the_next_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = bench.store(ROOM + 100)
    bench.fill(10.0)
    real = claim.claim

    def away(*_: object, **__: object) -> list[Run]:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(claim, "claim", away)
        bench.fill(10.001)
        assert bench.told.wait(20)
        bench.told.clear()
        with pytest.raises(Unavailable):
            bench.filler.collect(bench.lease, 10.002)
    assert claim.claim is real and not bench.filler.holds
    bench.fill(10.003)
    bench.collected(10.004)
    assert bench.slots[0].given == tokens[: 2 * ROOM]


def urgent(bench: Bench, tokens: list[str]) -> list[str]:
    return bench.store(3, priority=5)


def handed_back(bench: Bench, tokens: list[str]) -> list[str]:
    run = bench.slots[0].run
    assert run is not None
    bench.database.run(outcomes.release, run, "handed back")
    return [run.token]


@pytest.mark.parametrize("comes", [urgent, handed_back])
def test_what_stands_before_what_was_claimed_does_not_wait_behind_it(
    bench: Bench, comes: Callable[[Bench, list[str]], list[str]]
) -> None:
    tokens = at_it(bench)
    first = comes(bench, tokens)
    bench.filler.heard({"Test"})
    bench.collected(10.002)
    bench.fill(10.06)  # one, not to look for more among all that have been claimed
    bench.collected(10.07)
    assert bench.slots[1].given == first[:1]
    bench.slots[1].run = None
    bench.fill(10.08)  # but where one was there may be more
    bench.collected(10.09)
    assert bench.slots[1].given == first
    bench.fill(10.1)
    bench.collected(10.11)
    claimed = tokens[: 3 * ROOM + GROWTH - len(first) + 1]
    assert bench.slots[0].given == claimed
    assert bench.states(claimed) == {State.RUNNING}


def test_of_a_head_at_which_there_is_nothing_new_one_is_claimed(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.collected(10.002)
    for now in (11.5, 11.6):
        bench.fill(now)
        bench.collected(now)
    assert bench.slots[0].given == tokens[: 3 * ROOM + 1] and not bench.slots[1].given


def test_a_look_at_the_head_that_is_due_while_a_claim_is_under_way_is_made_after_it(
    bench: Bench,
) -> None:
    tokens = at_it(bench)
    first = bench.store(1, priority=5)
    bench.filler.heard({"Test"})
    bench.fill(10.06)  # what is news of is to be looked for, and a claim is under way
    bench.collected(10.07)
    bench.fill(10.08)
    bench.collected(10.09)
    assert bench.slots[1].given == first
    assert bench.slots[0].given == tokens[: 2 * ROOM]
