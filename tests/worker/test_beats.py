"""Beats: a lease lives as long as the worker's loop goes round and the database says so."""

import threading
from typing import Any, cast

import pytest

from connector.db.engine import Database
from connector.db.errors import InDoubt
from connector.jobs import workers
from connector.jobs.token import new_token
from connector.worker.beats import KEPT, STILL, Beats

LEASE = 10.0


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Faulty:
    """A database whose statements do what a test wants."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def close(self) -> None:
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(file: Database) -> str:
    made = workers.Worker(new_token(), "host", "boot", 1, "0", {})
    file.run(workers.register, made, {})
    return made.id


def number(database: Database, worker: str) -> int:
    return database.read(workers.beats)[worker].number


def test_a_beat_renews_the_lease(file: Database, worker: str, clock: Clock) -> None:
    beats = Beats(file, worker, LEASE, clock=clock)
    clock.now += STILL * LEASE
    assert beats.beat() and number(file, worker) == 1
    assert beats.lapses_at == clock.now + KEPT * LEASE


def test_a_loop_that_stands_still_is_not_kept_alive(
    file: Database, worker: str, clock: Clock
) -> None:
    beats = Beats(file, worker, LEASE, clock=clock)
    clock.now += STILL * LEASE + 0.1
    assert not beats.beat() and number(file, worker) == 0
    beats.moved()
    assert beats.beat() and number(file, worker) == 1


def test_a_beat_in_doubt_is_none_and_the_lease_is_lost_before_others_may_take_it(
    clock: Clock,
) -> None:
    def lose_the_answer(*_: object) -> bool:
        raise InDoubt("the connection was lost")

    beats = Beats(cast("Database", Faulty(lose_the_answer)), "w", LEASE, clock=clock)
    clock.now += 0.8 * LEASE
    beats.moved()
    assert not beats.beat() and not beats.lost
    clock.now += 0.15 * LEASE
    assert beats.lost


def test_a_beat_counts_from_before_it_was_sent(clock: Clock) -> None:
    def slow(*_: object) -> bool:
        clock.now += 0.5 * LEASE
        return True

    sent = clock.now
    beats = Beats(cast("Database", Faulty(slow)), "w", LEASE, clock=clock)
    assert beats.beat()
    assert beats.lapses_at == sent + KEPT * LEASE


def test_a_lease_that_was_taken_away_is_lost_at_once(
    file: Database, worker: str, clock: Clock
) -> None:
    told: list[bool] = []
    beats = Beats(file, worker, LEASE, lambda: told.append(True), clock)
    file.run(workers.evict, worker)
    assert not beats.beat()
    assert beats.lost and told


def test_the_thread_beats_by_itself_and_ends(file: Database, worker: str) -> None:
    confirmed = threading.Event()

    def run(work: Any, *args: Any) -> Any:
        result = file.run(work, *args)
        confirmed.set()
        return result

    beats = Beats(cast("Database", Faulty(run)), worker, 0.3)
    beats.start()
    assert confirmed.wait(10)
    beats.stop(wait=10)
    seen = number(file, worker)
    assert seen >= 1
    confirmed.clear()
    assert not confirmed.wait(0.3) and number(file, worker) == seen


def test_stopping_does_not_wait_for_a_beat_that_hangs() -> None:
    begun, over = threading.Event(), threading.Event()

    def hang(*_: object) -> bool:
        begun.set()
        return over.wait(30)

    beats = Beats(cast("Database", Faulty(hang)), "w", 0.3)
    beats.start()
    assert begun.wait(10)
    beats.stop()
    assert not over.is_set()
    over.set()
