"""The number of ended jobs is exact, whatever was counted before and whatever happens since."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import outcomes, requests, retention, tally
from connector.jobs.states import State
from connector.jobs.tables import ended_counts, jobs
from tests.jobs.conftest import Jobs


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what has ended a moment ago, few at a time."""
    monkeypatch.setattr(tally, "LAG", 0.0)
    monkeypatch.setattr(tally, "STEP", 3)


def told(kit: Jobs, queue: str = "Test") -> int:
    found = kit.database.read(tally.ended, queue)
    count = sa.select(sa.func.count()).where(jobs.c.queue == queue, jobs.c.ended_at.isnot(None))
    assert found == kit.database.read(lambda tx: tx.execute(count).scalar_one())
    return found


def counted(kit: Jobs) -> int:
    """Count all there is to count; return how many steps that took."""
    steps = 1
    while kit.database.run(tally.advance):
        steps += 1
        assert steps < 100
    return steps


def stored(kit: Jobs) -> dict[str, int]:
    rows = kit.database.read(lambda tx: tx.execute(sa.select(ended_counts)).all())
    return {row.queue: row.jobs for row in rows}


def end(kit: Jobs, count: int, queue: str = "Test") -> list[str]:
    runs = [kit.claim(kit.submit(queue)) for _ in range(count)]
    for run in runs:
        kit.database.run(outcomes.fail, run, "as asked")
    return [run.token for run in runs]


def remove(connection: sa.Connection, token: str) -> None:
    connection.execute(sa.delete(jobs).where(jobs.c.token == token))


def remove_by_hand(kit: Jobs, token: str) -> None:
    with kit.database.engine.begin() as connection:
        remove(connection, token)


def test_before_anything_is_counted_all_are_counted_when_asked(kit: Jobs) -> None:
    assert told(kit) == 0
    end(kit, 2)
    assert told(kit) == 2 and stored(kit) == {}


def test_what_is_counted_is_not_counted_again(kit: Jobs) -> None:
    end(kit, 10)
    end(kit, 1, "Other")
    assert counted(kit) > 2, "a few at a time"
    assert stored(kit) == {"Test": 10, "Other": 1}
    end(kit, 2)
    assert stored(kit)["Test"] == 10 and told(kit) == 12 and told(kit, "Other") == 1
    assert not kit.database.run(tally.advance) and stored(kit)["Test"] == 12
    assert told(kit) == 12


def test_what_begins_again_or_is_removed_is_taken_out(kit: Jobs) -> None:
    tokens = end(kit, 4)
    stopped = kit.submit()
    kit.database.run(requests.cancel, token=stopped, by="test")
    counted(kit)
    assert told(kit) == 5
    kit.database.run(requests.reopen, stopped, "test")
    assert told(kit) == 4 and stored(kit)["Test"] == 4
    for token in tokens[:2]:
        remove_by_hand(kit, token)
    assert told(kit) == 2 and stored(kit)["Test"] == 2
    assert retention.prune(kit.database, {State.FAILED: 0.0}) == 2
    assert told(kit) == 0 and stored(kit)["Test"] == 0


def test_many_that_end_in_the_same_moment_are_counted(kit: Jobs) -> None:
    tokens = end(kit, 9)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    for token in tokens:
        kit.by_hand(token, ended_at=moment, changed_by="test")
    counted(kit)
    assert told(kit) == 9 == stored(kit)["Test"]


def test_a_clock_that_is_set_back_has_all_counted_anew(kit: Jobs) -> None:
    end(kit, 3)
    counted(kit)
    before = datetime.now(UTC) - timedelta(hours=1)
    token = kit.submit()
    kit.database.run_at(before, outcomes.finish, kit.claim(token), {})
    assert kit.database.run_at(before, tally.advance)
    assert told(kit) == 4


def test_whatever_happens_in_whatever_order_it_is_exact(kit: Jobs) -> None:
    chance = random.Random(7)
    over: list[str] = []
    for _ in range(60):
        match chance.choice(["end", "end", "count", "retry", "delete", "hand"]):
            case "end":
                over += end(kit, chance.randint(1, 4))
            case "count":
                kit.database.run(tally.advance)
            case "retry" if over:
                token = over.pop(chance.randrange(len(over)))
                kit.by_hand(token, state=State.QUEUED, ended_at=None, changed_by="test")
            case "delete" if over:
                token = over.pop(chance.randrange(len(over)))
                remove_by_hand(kit, token)
            case "hand" if over:
                then = datetime.now(UTC) - timedelta(seconds=chance.random())
                kit.by_hand(chance.choice(over), ended_at=then, changed_by="test")
        assert told(kit) == len(over)


def patiently(url: str, work: Callable[[Jobs], None]) -> None:
    """Work on a connection of its own, as long as it has to wait for others."""
    database = Database(url, application="test", patience=20)
    work(Jobs(database))
    database.close()


def test_several_that_count_at_once_count_each_once(kit: Jobs, empty_url: str) -> None:
    begin = Barrier(4)

    def count(mine: Jobs) -> None:
        begin.wait(30)
        while mine.database.run(tally.advance):
            pass

    for queues in (("A", "B"), ("A", "B", "C")):  # no row is there yet; then one is new
        for queue in queues:
            end(kit, 4, queue)
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(patiently, empty_url, count) for _ in range(begin.parties)]:
                done.result()
    assert stored(kit) == {"A": 8, "B": 8, "C": 4}
    assert told(kit, "A") == 8


def test_counts_and_removals_side_by_side_miss_and_double_nothing(
    kit: Jobs, empty_url: str
) -> None:
    tokens = end(kit, 40)
    counted(kit)

    def remove_half(mine: Jobs) -> None:
        for token in tokens[:20]:
            mine.database.run(lambda tx, token: remove(tx.connection, token), token)

    def go_on(mine: Jobs) -> None:
        for _ in range(20):
            end(mine, 1)
            mine.database.run(tally.advance)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(patiently, empty_url, work) for work in (remove_half, go_on)]:
            done.result()
    counted(kit)
    assert told(kit) == 40
