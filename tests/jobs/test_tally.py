"""The numbers are exact, whatever was counted before and whatever happens since."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import counting, outcomes, reading, requests, retention, submit
from connector.jobs.counting import Counting
from connector.jobs.job import NewJob
from connector.jobs.states import FINAL, OPEN, State
from connector.jobs.tables import (
    ended_counts,
    ended_late,
    jobs,
    stored_counts,
    stored_late,
)
from connector.jobs.token import first_at, new_token
from tests.jobs.conftest import Jobs, count_at_once


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what was stored and has ended a moment ago, few at a time."""
    count_at_once(monkeypatch)
    monkeypatch.setattr(counting, "STEP", 3)


def told(kit: Jobs, queue: str = "Test") -> int:
    """Return how many of a queue have ended; all its numbers must be as counted one by one."""
    found = kit.database.read(reading.counts, queue)
    select = sa.select(jobs.c.state).where(jobs.c.queue == queue)
    states = kit.database.read(lambda tx: Counter(tx.execute(select).scalars()))
    assert found.states == {state: states[state] for state in OPEN}
    assert found.completed == sum(states[state] for state in FINAL)
    return found.completed


def counted(kit: Jobs) -> int:
    """Count all there is to count; return how many steps that took."""
    worker = Counting(kit.database)
    steps = 0
    while worker.step():
        steps += 1
        assert steps < 100
    return steps


def tallied(kit: Jobs, table: sa.Table = ended_counts) -> dict[str, int]:
    rows = kit.database.read(lambda tx: tx.execute(sa.select(table)).all())
    return {row.queue: row.jobs for row in rows if row.jobs}


def late(kit: Jobs, table: sa.Table = stored_late) -> int:
    count = sa.select(sa.func.count()).select_from(table)
    return int(kit.database.read(lambda tx: tx.execute(count).scalar_one()))


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


def old_token(kit: Jobs, moment: datetime, queue: str = "Test") -> str:
    token = first_at(moment)[:13] + new_token()[13:]
    kit.database.run(submit.submit, [NewJob(token, queue, {})])
    return token


def test_before_anything_is_counted_all_are_counted_when_asked(kit: Jobs) -> None:
    assert told(kit) == 0
    end(kit, 2)
    kit.submit()
    assert told(kit) == 2 and tallied(kit) == {}


def test_what_is_counted_is_not_counted_again(kit: Jobs) -> None:
    end(kit, 10)
    end(kit, 1, "Other")
    assert counted(kit) >= 3, "a few at a time"
    assert tallied(kit) == {"Test": 10, "Other": 1} == tallied(kit, stored_counts)
    end(kit, 2)
    kit.submit()
    assert tallied(kit)["Test"] == 10 and told(kit) == 12 and told(kit, "Other") == 1
    counted(kit)
    assert tallied(kit)["Test"] == 12 and tallied(kit, stored_counts)["Test"] == 13
    assert told(kit) == 12 and told(kit, "Other") == 1


def test_who_has_nothing_to_count_writes_nothing(kit: Jobs) -> None:
    end(kit, 2)
    counted(kit)
    written: list[str] = []
    worker = Counting(kit.database)

    def note(*given: object) -> None:
        if not str(given[2]).startswith("SELECT") or "setval" in str(given[2]):
            written.append(str(given[2]))

    sa.event.listen(kit.database.engine, "before_cursor_execute", note)
    assert not worker.step() and not worker.step()
    assert written == [text for text in written if text.startswith("BEGIN")]


def test_what_begins_again_or_is_removed_is_taken_out(kit: Jobs) -> None:
    tokens = end(kit, 4)
    stopped = kit.submit()
    kit.database.run(requests.cancel, token=stopped, by="test")
    counted(kit)
    assert told(kit) == 5
    kit.database.run(requests.reopen, stopped, "test")
    assert told(kit) == 4 and tallied(kit)["Test"] == 4
    for token in tokens[:2]:
        remove_by_hand(kit, token)
    assert told(kit) == 2 and tallied(kit)["Test"] == 2
    assert tallied(kit, stored_counts)["Test"] == 3
    assert retention.prune(kit.database, {State.FAILED: 0.0}) == 2
    assert told(kit) == 0 and tallied(kit) == {}


def test_many_that_end_in_the_same_moment_are_counted(kit: Jobs) -> None:
    tokens = end(kit, 9)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    for token in tokens:
        kit.by_hand(token, ended_at=moment, changed_by="test")
    counted(kit)
    assert told(kit) == 9 == tallied(kit)["Test"]


def test_counts_that_are_deleted_by_hand_are_made_anew(kit: Jobs) -> None:
    end(kit, 4)
    old_token(kit, datetime.now(UTC) - timedelta(days=1))
    counted(kit)
    old_token(kit, datetime.now(UTC) - timedelta(days=1))
    with kit.database.engine.begin() as connection:
        for table in (stored_counts, ended_counts):
            connection.execute(sa.delete(table))
    assert told(kit) == 4
    counted(kit)
    assert told(kit) == 4 and tallied(kit, stored_counts) == {"Test": 6} and late(kit) == 0


def test_whatever_happens_in_whatever_order_it_is_exact(kit: Jobs) -> None:
    chance = random.Random(7)
    over: list[str] = []
    worker = Counting(kit.database)
    for n in range(90):
        match chance.choice(["end", "end", "count", "count", "retry", "delete", "hand", "old"]):
            case "end":
                over += end(kit, chance.randint(1, 4))
            case "count":
                worker.step()
            case "old":
                token = old_token(kit, datetime.now(UTC) - timedelta(seconds=chance.random()))
                if chance.random() < 0.5:
                    kit.by_hand(token, state=State.PAUSED, changed_by="test")
            case "retry" if over:
                token = over.pop(chance.randrange(len(over)))
                kit.by_hand(token, state=State.QUEUED, ended_at=None, changed_by=f"test {n}")
            case "delete" if over:
                token = over.pop(chance.randrange(len(over)))
                remove_by_hand(kit, token)
            case "hand" if over:
                then = datetime.now(UTC) - timedelta(seconds=chance.random())
                kit.by_hand(chance.choice(over), ended_at=then, changed_by=f"test {n}")
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
        counted(mine)

    for queues in (("A", "B"), ("A", "B", "C")):  # no row is there yet; then one is new
        for queue in queues:
            end(kit, 4, queue)
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(patiently, empty_url, count) for _ in range(begin.parties)]:
                done.result()
    counted(kit)
    assert tallied(kit) == {"A": 8, "B": 8, "C": 4} == tallied(kit, stored_counts)
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
        worker = Counting(mine.database)
        for n in range(20):
            end(mine, 1)
            worker.step()
            if n % 4 == 0:
                old_token(mine, datetime.now(UTC) - timedelta(minutes=n))

    def count_on(mine: Jobs) -> None:
        worker = Counting(mine.database)
        for n in range(40):
            worker.step()
            old_token(mine, datetime.now(UTC) - timedelta(minutes=n), "Old")

    def submit_and_ask(mine: Jobs) -> None:
        for n in range(20):
            for _ in range(3):
                mine.submit("Asked", priority=-1)
            found = mine.database.read(reading.counts, "Asked")
            assert found.states[State.QUEUED] == 3 * (n + 1)

    with ThreadPoolExecutor() as pool:
        works = (remove_half, go_on, count_on, submit_and_ask)
        for done in [pool.submit(patiently, empty_url, work) for work in works]:
            done.result()
    counted(kit)
    assert told(kit) == 40 and told(kit, "Asked") == told(kit, "Old") == 0
    assert late(kit) == late(kit, ended_late) == 0
