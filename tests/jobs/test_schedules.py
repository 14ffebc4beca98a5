"""Schedules as rows: made from the configuration, changed, dropped, and changed by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.jobs import firing, schedules, workers
from connector.jobs.errors import NoSuchSchedule
from connector.jobs.firing import Firing
from connector.jobs.schedules import Schedule
from connector.jobs.timing import Timing
from tests.jobs.conftest import OTHER, WORKER, Clock

HOURLY = Schedule("A", "Test", {"TaskSections": "A"}, Timing("now", repeat=3600))
HOUR = timedelta(hours=1)


def test_a_restart_changes_nothing(clock: Clock) -> None:
    assert clock.arrange(HOURLY) == ["A"]
    first = clock.row()
    assert first.due_at == first.first_at == clock.now and first.runs == 0
    clock.fire()
    assert clock.after(minutes=20).arrange(HOURLY) == []
    assert clock.row().due_at == first.due_at + HOUR and clock.row().runs == 1
    assert clock.fire() is None


@pytest.mark.parametrize(
    "changed",
    [
        replace(HOURLY, timing=Timing("now", repeat=1800)),
        replace(HOURLY, timing=Timing("12:05:00", repeat=3600)),
        replace(HOURLY, timing=Timing("now", "Europe/Berlin", 3600)),
        replace(HOURLY, cycles=5),
    ],
)
def test_a_changed_schedule_begins_anew(clock: Clock, changed: Schedule) -> None:
    clock.arrange(HOURLY)
    clock.fire()
    assert clock.after(minutes=1).arrange(changed) == ["A"]
    row = clock.row()
    assert row.runs == 0 and row.due_at == changed.timing.first(clock.now)


def test_what_is_no_time_takes_effect_at_once_and_keeps_the_times(clock: Clock) -> None:
    clock.arrange(HOURLY)
    clock.fire()
    before = clock.row()
    other = replace(HOURLY, missed="skip", queue="Other", parameters={"x": "y"})
    assert clock.after(minutes=1).arrange(other) == []
    row = clock.row()
    assert (row.missed, row.queue, row.parameters) == ("skip", "Other", {"x": "y"})
    assert (row.due_at, row.runs) == (before.due_at, 1)


def test_no_cycles_and_a_single_day_in_the_past_are_never_due(clock: Clock) -> None:
    past = replace(HOURLY, task="B", timing=Timing("2024-01-01 00:00:00"))
    clock.arrange(replace(HOURLY, cycles=0), past)
    assert clock.row("A").due_at is None and clock.row("B").due_at is None
    assert clock.run(firing.wait, ["A", "B"]) is None


def test_a_schedule_that_no_worker_knows_is_marked_and_removed_after_days(clock: Clock) -> None:
    clock.arrange(HOURLY, replace(HOURLY, task="B"))
    knows = workers.Worker(OTHER, "host", "boot", 1, "0", {"schedules": ["A"]})
    clock.run(workers.register, knows, {})
    assert clock.run(schedules.sweep) == ["B"]
    assert clock.after(days=6).run(schedules.sweep) == []
    assert clock.row("A").gone_at is None and clock.row("B").gone_at is not None
    clock.after(days=2).run(schedules.sweep)
    assert [row.task for row in clock.run(schedules.listed)] == ["A"]


def test_one_that_is_known_again_goes_on_where_it_was(clock: Clock) -> None:
    clock.arrange(HOURLY)
    clock.fire()
    assert clock.run(schedules.sweep) == ["A"]
    assert clock.arrange(HOURLY) == [] and clock.row().gone_at is None
    assert clock.row().runs == 1
    clock.run(schedules.sweep)
    knows = workers.Worker(OTHER, "host", "boot", 1, "0", {"schedules": ["A"]})
    clock.run(workers.register, knows, {})
    assert clock.run(schedules.sweep) == [] and clock.row().gone_at is None


def test_an_operator_skips_the_next_due_time(clock: Clock) -> None:
    clock.arrange(HOURLY)
    start = clock.now
    assert clock.run(schedules.skip, "A", "cli me") == start + HOUR
    assert clock.run(schedules.skip, "A", "cli me") == start + 2 * HOUR
    assert clock.row().changed_by == "cli me skip"
    assert clock.fire() is None and clock.run(firing.wait, ["A"]) == 7200.0


def test_an_operator_has_a_task_run_now_and_its_times_stay(clock: Clock) -> None:
    clock.arrange(replace(HOURLY, cycles=1, timing=Timing("13:00:00", repeat=3600)))
    assert clock.fire() is None
    clock.run(schedules.ask, "A", "cli me")
    assert clock.run(firing.wait, ["A"]) == 0.0
    fired = clock.fire()
    assert fired is not None and fired.due_at is None and fired.token is not None
    row = clock.row()
    assert (row.runs, row.due_at - clock.now, row.last_token) == (0, HOUR, fired.token)
    assert clock.kit.row(fired.token)["submitted_by"] == "schedule cli me"
    assert clock.fire() is None


def test_who_asks_for_an_unknown_schedule_is_told_which_there_are(clock: Clock) -> None:
    with pytest.raises(NoSuchSchedule, match="none yet"):
        clock.run(schedules.skip, "X", "cli me")
    clock.arrange(HOURLY)
    with pytest.raises(NoSuchSchedule, match="the task X has no schedule; there is A"):
        clock.run(schedules.ask, "X", "cli me")


def test_nobody_fires_what_is_of_no_concern_to_it(clock: Clock) -> None:
    clock.arrange(HOURLY)
    assert clock.fire(Firing(WORKER), "B") is None
    assert clock.fire(Firing(OTHER)) is None, "a worker without a lease"
