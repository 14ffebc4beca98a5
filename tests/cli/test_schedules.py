"""The command `schedules`, on every engine."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from connector.cli.schedules import schedules
from connector.db.engine import Database
from connector.jobs import schedules as rows
from connector.jobs.schedules import Schedule
from connector.jobs.timing import Timing

MADE = datetime(2029, 12, 31, 23, 0, tzinfo=UTC)
DAILY = Schedule("ONE", "Fetch", {}, Timing("02:30:00", "Europe/Berlin", 86400), 5)
DONE = Schedule("TWO", "Fetch", {}, Timing("2020-01-01 00:00:00"))


@pytest.fixture
def url(database: Database, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    database.run_at(MADE, rows.arrange, [DAILY, DONE], "worker register")
    return empty_url


def test_they_are_listed_by_their_next_due_time(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    schedules(database=url)
    lines = capsys.readouterr().out.splitlines()
    one, two = (next(line for line in lines if task in line) for task in ("ONE", "TWO"))
    assert lines.index(one) < lines.index(two)
    for text in ("2030-01-01 01:30:00", "02:30:00 Europe/Berlin", "86400 s", "0 of 5"):
        assert text in one
    assert "never" in two and "once" in two


def test_one_is_skipped_or_fired_by_hand(
    url: str, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    schedules("one", skip=True, database=url)
    assert capsys.readouterr().out == "ONE is next due: 2030-01-02 01:30:00\n"
    schedules("Two", fire=True, database=url)
    assert "TWO runs as soon as a worker looks" in capsys.readouterr().out
    stored = {row.task: row for row in database.read(rows.listed)}
    assert stored["ONE"].changed_by.startswith("cli ") and stored["ONE"].asked_by is None
    assert stored["TWO"].asked_by.startswith("cli ")
    schedules(database=url)
    assert "asked for by cli" in capsys.readouterr().out


def test_an_unknown_task_is_refused_with_those_there_are(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        schedules("three", skip=True, database=url)
    assert "the task THREE has no schedule; there is ONE, TWO" in capsys.readouterr().err


@pytest.mark.parametrize(
    "task, skip, fire", [("a", False, False), ("a", True, True), (None, True, False)]
)
def test_what_makes_no_sense_is_refused(url: str, task: str | None, skip: bool, fire: bool) -> None:
    with pytest.raises(typer.BadParameter, match="either --skip or --fire"):
        schedules(task, skip, fire, database=url)
