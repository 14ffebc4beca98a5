"""A backup or a restore that is killed anywhere, and run again, is as one that was not."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.actions.action import Finished, Release
from connector.actions.server import restore, states
from connector.actions.server.restore import Restoring
from connector.db.engine import Database
from connector.jobs import outcomes
from connector.jobs.job import Run
from tests.actions.conftest import Rig
from tests.jobs.conftest import WORKER

Elsewhere = Callable[[], Rig]
JOBS = 7


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def filled(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backup of some jobs, one of which runs, and of two tasks; put back in small steps."""
    monkeypatch.setattr(restore, "BATCH", 2)
    monkeypatch.setattr(states, "BATCH", 2)
    for task in ("ONE", "TWO"):
        rig.fill(task, rig.jobs.submit(), items=5)
    rig.jobs.register(WORKER)
    for _ in range(JOBS - 3):
        rig.jobs.submit()
    rig.jobs.running()
    return str(rig.done("BackupServer")["filename"])


def again(rig: Rig, run: Run, queue: str) -> Run:
    """Have another attempt of an action whose worker has died."""
    rig.database.run(outcomes.lose, run, "gone", "test")
    return rig.claim(run.token, queue)


class Dying:
    """Kills the process after so many transactions, before or after the commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        real = Database.run

        def run(database: Database, work: Any, /, *given: Any, **named: Any) -> Any:
            result = real(database, work, *given, **named)
            self.left -= 1
            if self.left == 0:
                raise Killed
            return result

        self._patch = monkeypatch.context()
        self._real = run

    def __enter__(self) -> None:
        self._patch.__enter__().setattr(Database, "run", self._real)

    def __exit__(self, *error: Any) -> None:
        self._patch.__exit__(*error)


def test_a_restore_killed_after_any_transaction_is_told_and_done_as_one_that_was_not(
    rig: Rig, elsewhere: Elsewhere, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = elsewhere()
    expected = whole.done("RestoreServer", Path=filled)
    broken = elsewhere()
    run = broken.claimed("RestoreServer", Path=filled)
    for after in (1, 2, 4, 7, 11, 14):
        with pytest.raises(Killed), Dying(monkeypatch, after):
            broken.perform(run, "RestoreServer")
        run = again(broken, run, "RestoreServer")
    outcome = broken.perform(run, "RestoreServer")
    assert isinstance(outcome, Finished)
    differs = {"configuration": None}
    assert {**outcome.result, **differs} == {**expected, **differs}
    assert outcome.result["actions"]["restored"] == JOBS + 1
    tables = ("task_rooms", "task_items")
    assert broken.rows(*tables) == whole.rows(*tables) == rig.rows(*tables)
    assert (
        len(broken.rows("job_events")["job_events"])
        == len(whole.rows("job_events")["job_events"]) + 6
    ), "six losses of the action itself"


def test_a_restore_whose_attempt_is_over_writes_nothing_more(
    rig: Rig, elsewhere: Elsewhere, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere()
    run = other.claimed("RestoreServer", Path=filled)
    real = Restoring.put_jobs

    def overtaken(restoring: Restoring) -> dict[str, int]:
        other.database.run(outcomes.lose, run, "gone", "test")
        return real(restoring)

    monkeypatch.setattr(Restoring, "put_jobs", overtaken)
    assert isinstance(other.perform(run, "RestoreServer"), Release)
    assert len(other.rows("jobs")["jobs"]) == 1


def test_a_task_that_is_fetched_meanwhile_is_not_mixed_with_the_backup(
    rig: Rig, elsewhere: Elsewhere, filled: str
) -> None:
    other = elsewhere()
    other.fill("ONE", other.jobs.submit(), items=1)
    before = [row for row in other.rows("task_items")["task_items"]]
    told = other.done("RestoreServer", Path=filled)
    assert told["tasks"] == {"success": ["TWO"], "present": ["ONE"]}
    assert [x for x in other.rows("task_items")["task_items"] if "ONE" in x] == before


def test_a_backup_killed_halfway_leaves_nothing_that_another_attempt_does_not_replace(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.jobs.submit()
    rig.backups.mkdir(parents=True)
    run = rig.claimed("BackupServer")
    (rig.backups / f".{run.token}.part").write_bytes(b"left by a kill")
    run = again(rig, run, "BackupServer")
    assert isinstance(rig.perform(run, "BackupServer"), Finished)
    (only,) = rig.backups.iterdir()
    assert only.suffix == ".zip"
