"""Firing on every engine: each due time once, whoever races, whatever was missed or in the way."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.db.errors import InDoubt
from connector.jobs import firing, operate
from connector.jobs import schedules as rows
from connector.jobs.errors import QueueFull, ScheduleSpoilt, TaskBusy
from connector.jobs.firing import Fired, Firing
from connector.jobs.job import Overlap
from connector.jobs.schedule_table import schedules as table
from connector.jobs.schedules import Schedule
from connector.jobs.timing import DAY, Timing
from tests.jobs.conftest import OTHER, WORKER, Clock

HOURLY = Schedule("A", "Test", {"TaskSections": "A"}, Timing("now", repeat=3600))
HOUR = timedelta(hours=1)


def begun(clock: Clock, fired: Fired | None) -> str:
    """Have what was stored begin, so that it waits no more; return its token."""
    assert fired is not None and fired.token is not None
    clock.kit.claim(fired.token)
    return fired.token


def test_a_due_time_stores_one_job_and_moves_on(clock: Clock) -> None:
    clock.arrange(HOURLY)
    assert clock.run(firing.wait, ["A"]) == 0.0
    fired = clock.fire(Firing(WORKER, "hash"))
    assert fired is not None and fired.token is not None
    assert (fired.task, fired.due_at, fired.following) == ("A", clock.now, clock.now + HOUR)
    row = clock.kit.row(fired.token)
    assert (row["queue"], row["tasks"], row["parameters"]) == ("Test", "A", {"TaskSections": "A"})
    assert (row["submitted_by"], row["config_hash"]) == ("schedule", "hash")
    assert row["changed_by"] == "schedule submit"
    assert clock.fire() is None and clock.tokens() == [fired.token]
    assert clock.run(firing.wait, ["A", "B"]) == 3600.0


def test_each_due_time_is_fired_once_until_the_cycles_are_over(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, cycles=3))
    tokens = set()
    for _ in range(3):
        tokens.add(begun(clock, clock.fire()))
        assert clock.fire() is None
        clock.after(hours=1)
    assert len(tokens) == 3 and clock.fire() is None
    row = clock.row()
    assert (row.due_at, row.runs, row.last_due_at) == (None, 3, clock.now - HOUR)


@pytest.mark.parametrize("round", range(3))
def test_of_many_workers_at_the_same_moment_one_fires(
    clock: Clock, empty_url: str, round: int
) -> None:
    clock.arrange(HOURLY, replace(HOURLY, task="B"))
    clock.kit.register(OTHER)
    begin = threading.Barrier(4)
    fired: list[Fired] = []

    def one(worker: str) -> None:
        database = Database(empty_url, application="test", patience=20)
        begin.wait(20)
        for _ in range(5):
            found = database.run_at(clock.now, firing.fire, ["A", "B"], Firing(worker))
            fired.extend([found] if found else [])
        database.close()

    threads = [threading.Thread(target=one, args=(w,)) for w in (WORKER, OTHER) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.task for each in fired) == ["A", "B"]
    assert set(clock.tokens()) == {each.token for each in fired}


def test_a_commit_in_doubt_fires_once_whether_it_came_through_or_not(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.arrange(HOURLY)
    database, how = clock.kit.database, Firing(WORKER)
    real = type(database)._once

    def lost(self: Database, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        raise InDoubt("the answer was lost")

    with monkeypatch.context() as patch, pytest.raises(InDoubt):
        patch.setattr(type(database), "_once", lost)
        database.run_at(clock.now, firing.fire, ["A"], how)
    assert clock.fire() is None and len(clock.tokens()) == 1


@pytest.mark.parametrize("missed, runs", [("once", 1), ("skip", 0)])
def test_missed_due_times_are_made_up_for_once_or_skipped(
    clock: Clock, missed: Literal["once", "skip"], runs: int
) -> None:
    clock.arrange(replace(HOURLY, missed=missed, timing=Timing("13:00:00", repeat=3600)))
    fired = clock.after(hours=5, minutes=30).fire()
    assert fired is not None and (fired.token is not None) == bool(runs)
    assert fired.due_at == clock.now - HOUR / 2 and fired.following == clock.now + HOUR / 2
    assert len(clock.tokens()) == clock.row().runs == runs
    assert clock.fire() is None


def test_a_due_time_that_is_a_little_late_was_not_missed(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, missed="skip"))
    fired = clock.after(hours=7, seconds=59).fire()
    assert fired is not None and fired.token is not None, "the last of seven"
    assert clock.row().runs == 1


def test_a_night_without_the_time_and_one_with_it_twice_fire_once_each(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, timing=Timing("02:30:00", "Europe/Berlin", DAY)))
    told = []
    for day in ("2025-03-30", "2025-10-26"):
        clock.now = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        clock.fire()  # what was due before that night
        for _ in range(12):
            fired = clock.after(minutes=15).fire()
            if fired is not None:
                told.append(f"{clock.now:%m-%d %H:%M}")
    assert told == ["03-30 01:30", "10-26 00:30"]


def test_a_job_that_still_waits_serves_the_next_due_time_too(clock: Clock) -> None:
    clock.arrange(HOURLY)
    first = clock.fire()
    second = clock.after(hours=1).fire()
    assert first and second and first.token == second.token and clock.row().runs == 1
    assert clock.row().last_due_at == clock.now
    begun(clock, first)
    third = clock.after(hours=1).fire()
    assert third is not None and third.token not in (None, first.token)


def test_a_due_time_that_another_action_serves_uses_up_no_cycle(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, cycles=3))
    tokens = []
    for _ in range(2):
        first, second = clock.fire(), clock.after(hours=1).fire()
        assert first and second and first.token == second.token and second.following
        tokens.append(begun(clock, second))
        clock.after(hours=1)
    third = clock.fire()
    assert third and third.following is None and clock.after(hours=1).fire() is None
    tokens.append(begun(clock, third))
    assert len(set(tokens)) == clock.row().runs == 3 and set(clock.tokens()) == set(tokens)


def test_a_run_asked_for_by_hand_that_waits_uses_up_no_cycle_of_a_due_time(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, cycles=1))
    clock.run(rows.skip, "A", "test")
    clock.run(rows.ask, "A", "test")
    by_hand = clock.fire()
    served = clock.after(hours=1).fire()
    assert by_hand and served and by_hand.token == served.token and clock.row().runs == 0
    begun(clock, by_hand)
    last = clock.after(hours=1).fire()
    assert last and last.token != by_hand.token and last.following is None
    assert clock.row().runs == 1


def test_overlap_holds_for_schedules_too(clock: Clock) -> None:
    clock.arrange(HOURLY)
    first = begun(clock, clock.fire())
    joined = clock.after(hours=1).fire(Firing(WORKER, overlap=Overlap.JOIN))
    assert joined is not None and joined.token == first
    refused = clock.after(hours=1).fire(Firing(WORKER, overlap=Overlap.REFUSE))
    assert refused is not None and isinstance(refused.refused, TaskBusy)
    assert clock.tokens() == [first] and clock.row().runs == 1
    assert clock.row().due_at == clock.now + HOUR, "a refused due time is over"


def test_a_full_queue_keeps_the_due_time(clock: Clock) -> None:
    clock.arrange(HOURLY, replace(HOURLY, task="B"))
    full = Firing(WORKER, most={"Test": 1})
    assert clock.fire(full) is not None
    refused = clock.fire(full)
    assert refused is not None and isinstance(refused.refused, QueueFull)
    assert clock.run(firing.fire, ["A", "B"], full, [refused.task]) is None
    assert clock.row(refused.task).due_at == clock.now
    assert clock.fire() is not None


def test_a_row_that_was_spoilt_by_hand_is_told_and_can_be_passed_over(clock: Clock) -> None:
    clock.arrange(HOURLY, replace(HOURLY, task="B"))
    with clock.kit.database.engine.begin() as connection:
        spoilt = sa.update(table).where(table.c.task == "A")
        connection.execute(spoilt.values(zone="Nowhere/X", repeat_seconds=DAY))
    with pytest.raises(ScheduleSpoilt, match="schedule of A .* no time zone 'Nowhere/X'"):
        clock.fire()
    passed = clock.run(firing.fire, ["A", "B"], Firing(WORKER), ["A"])
    assert passed is not None and passed.task == "B"


def test_a_copy_of_the_database_and_a_drained_host_fire_nothing(clock: Clock) -> None:
    clock.arrange(HOURLY)
    clock.run(operate.drain, "host", "test")
    assert clock.fire() is None
    clock.run(operate.undrain, "host")
    clock.run(operate.restored, "elsewhere", "test")
    clock.kit.register(WORKER)
    assert clock.fire() is None
