"""What a worker does about schedules, now and then."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.actions.fetch.fetch import Fetch
from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import reading, schedules
from connector.jobs.schedule_table import schedules as table
from connector.jobs.workers import Worker, register
from connector.worker.scheduling import LOOK, SOON, SWEEP, Scheduler, configured

ME = "00000000-0000-7000-8000-00000000000a"
NOW = 1000.0
ONE = {"CONNECTOR_FETCHTASKS_0": "One", "CONNECTOR_ONE_SCHEDULEREPEATSECS": "3600"}
TWO = {"CONNECTOR_FETCHTASKS_1": "Two", "CONNECTOR_TWO_SCHEDULESTARTTIME": "now"}


def unused() -> Database:
    raise AssertionError("nothing is run")


def settings(folder: Path, **given: str) -> Settings:
    return load(folder / "none.cfg", given, {}).settings


@pytest.fixture
def made(file: Database, tmp_path: Path) -> "Made":
    return Made(file, tmp_path)


class Made:
    """Schedulers of one database, as they follow each other in restarts."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        (folder / "none.cfg").touch(0o600)
        self.statements: list[str] = []
        sa.event.listen(
            database.engine,
            "before_cursor_execute",
            lambda c, cursor, statement, *rest: self.statements.append(statement),
        )

    def sent(self) -> list[str]:
        return [text for text in self.statements if text != "BEGIN"]

    def start(self, **given: str) -> Scheduler:
        chosen = settings(self.folder, **given)
        if not self.database.read(lambda tx: tx.execute(sa.text("SELECT 1 FROM workers")).first()):
            me = Worker(ME, "host", "boot", 1, "0", {"schedules": configured(chosen)})
            self.database.run(register, me, {"Fetch": 60.0})
        actions = {"Fetch": Fetch(chosen, unused)}
        return Scheduler(self.database, chosen, actions, lambda: ME)

    def jobs(self) -> list[str]:
        return [job.token for job in self.database.read(reading.page, "Fetch")]

    @contextmanager
    def sending(self, count: int) -> Iterator[None]:
        """Check how many statements are sent meanwhile."""
        self.statements.clear()
        yield
        assert len(self.sent()) == count, self.sent()


def turn(scheduler: Scheduler, after: float = 0.0) -> None:
    scheduler.turn(NOW + after, lambda: None)


def test_a_schedule_is_made_and_fired_and_then_costs_next_to_nothing(made: Made) -> None:
    scheduler = made.start(**ONE)
    turn(scheduler)
    (token,) = made.jobs()
    with made.database.engine.connect() as connection:
        row = connection.execute(sa.text("SELECT parameters, tasks, submitted_by FROM jobs")).one()
    assert row == ('{"FetchAction": "Synchronize", "TaskSections": "ONE"}', "ONE", "schedule")
    (stored,) = made.database.read(schedules.listed)
    assert (stored.task, stored.last_token, stored.runs) == ("ONE", token, 1)
    with made.sending(0):
        for tenth in range(49):
            turn(scheduler, tenth / 10)
    with made.sending(1):
        turn(scheduler, LOOK)
    assert made.jobs() == [token]


def test_a_restart_fires_nothing_again_and_a_change_takes_effect(made: Made) -> None:
    turn(made.start(**ONE))
    (token,) = made.jobs()
    turn(made.start(**ONE))
    assert made.jobs() == [token]
    turn(made.start(**ONE, **TWO))
    assert len(made.jobs()) == 2
    turn(made.start(**{**ONE, "CONNECTOR_ONE_SCHEDULESTARTTIME": "2999-01-01 00:00"}))
    due = {row.task: row.due_at for row in made.database.read(schedules.listed)}
    assert due["ONE"].year == 2999 and due["TWO"] is None


def test_without_schedules_or_with_them_switched_off_nothing_is_made(made: Made) -> None:
    off = {"CONNECTOR_CONNECTOR_ENABLESCHEDULEDTASKS": "false"}
    for given in ({"CONNECTOR_FETCHTASKS_0": "One"}, {**ONE, **off}):
        scheduler = made.start(**given)
        with made.sending(0):
            turn(scheduler)
            turn(scheduler, LOOK)
    assert configured(settings(made.folder, **ONE, **off)) == ["ONE"]


def test_one_that_left_the_configuration_is_marked(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    turn(made.start(**ONE))
    made.database.run(lambda tx: tx.execute(sa.text("DELETE FROM workers")))
    scheduler = made.start(CONNECTOR_FETCHTASKS_0="One")
    turn(scheduler)
    assert made.database.read(schedules.listed)[0].gone_at is None, "others may still be starting"
    turn(scheduler, 60)
    assert made.database.read(schedules.listed)[0].gone_at is not None
    assert "schedules that no worker knows any more" in caplog.text


def test_a_full_queue_is_tried_again_and_keeps_no_other_waiting(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = made.start(**ONE, **TWO, CONNECTOR_FETCH_MAXQUEUESIZE="1")
    turn(scheduler)
    (token,) = made.jobs()
    assert caplog.messages.count("schedule stored nothing") == 1
    change = "UPDATE jobs SET state = 'cancelled', ended_at = queued_at, changed_by = 'test'"
    made.database.run(lambda tx: tx.execute(sa.text(change)))
    turn(scheduler, SOON)
    assert len(made.jobs()) == 2


def test_a_spoilt_row_is_told_once_and_keeps_no_other_waiting(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    later = {"CONNECTOR_ONE_SCHEDULESTARTTIME": "2999-01-01 00:00"}
    turn(made.start(**ONE, **TWO, **later))
    assert len(made.jobs()) == 1
    scheduler = made.start(**ONE, **TWO, **later)
    turn(scheduler)
    old = datetime(2000, 1, 1, tzinfo=UTC)
    spoilt = {"start": "soon", "repeat_seconds": 86400, "first_at": old, "due_at": old}
    made.database.run(lambda tx: tx.execute(sa.update(table).values(spoilt)))
    for after in (LOOK, 2 * LOOK):
        turn(scheduler, after)
    assert caplog.messages.count("schedule passed over") == 2, "one each"
    mended = {"start": "now", "due_at": None}
    made.database.run(lambda tx: tx.execute(sa.update(table).values(mended)))
    made.database.run(schedules.ask, "ONE", "cli me")
    turn(scheduler, SWEEP)
    assert len(made.jobs()) == 2
