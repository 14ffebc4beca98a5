"""PurgeDatastore: what a task has seen and sent is forgotten, and nothing else."""

import pytest

from connector.actions.action import Finished, InvalidParameter, Release
from connector.actions.registry import tasks_of
from connector.actions.server.purge import PurgeDatastore
from connector.datastore import backup, holding
from connector.datastore.holding import Holder
from connector.db.engine import Database
from connector.jobs import outcomes
from tests.actions.conftest import Rig

TABLES = ("tasks", "task_rooms", "task_items")


def tasks(rig: Rig) -> set[str]:
    """Return the tasks of which anything is left."""
    return {row.split("'")[1] for rows in rig.rows(*TABLES).values() for row in rows}


def test_one_task_is_forgotten_and_the_others_stay(rig: Rig) -> None:
    for task in ("ONE", "TWO"):
        rig.fill(task, rig.jobs.submit(), items=1203)
    told = rig.done("PurgeDatastore", Section="one")
    assert told == {"tasks": {"success": [{"@entries": 1204, "$": "ONE"}]}}
    assert tasks(rig) == {"TWO"}
    assert rig.context.told[-1] == {"task": "ONE", "forgotten": 1204}


def test_all_are_forgotten_also_those_that_are_configured_no_more(rig: Rig) -> None:
    for task in ("ONE", "OLD"):
        rig.fill(task, rig.jobs.submit())
    rig.done("PurgeDatastore", Section="*")
    assert tasks(rig) == set()
    rig.done("PurgeDatastore", Section="*")


def test_a_purge_that_was_killed_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.fill("ONE", rig.jobs.submit(), items=30)
    run = rig.claimed("PurgeDatastore", Section="ONE")
    rig.perform(run, "PurgeDatastore")
    rig.fill("ONE", rig.jobs.submit(), items=30)
    rig.database.run(holding.hold, Holder("ONE", run.token, run.attempt))
    rig.database.run(backup.forget, Holder("ONE", run.token, run.attempt), 7)
    rig.database.run(outcomes.lose, run, "gone", "test")
    run = rig.claim(run.token, "PurgeDatastore")
    assert isinstance(rig.perform(run, "PurgeDatastore"), Finished)
    assert tasks(rig) == set()


def test_a_purge_whose_attempt_is_over_forgets_nothing(rig: Rig) -> None:
    rig.fill("ONE", rig.jobs.submit())
    run = rig.claimed("PurgeDatastore", Section="ONE")
    rig.database.run(outcomes.lose, run, "gone", "test")
    assert isinstance(rig.perform(run, "PurgeDatastore"), Release)
    assert len(rig.rows("task_items")["task_items"]) == 3


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_it_runs_alone_on_the_tasks_that_it_names(rig: Rig) -> None:
    def unused(kind: str) -> Database:
        raise AssertionError("nothing is opened")

    action = PurgeDatastore(rig.settings(), unused)
    assert tasks_of(action, {"Section": "two"}) == ("TWO",)
    assert tasks_of(action, {"Section": " * "}) == ("ONE", "TWO")
    with pytest.raises(InvalidParameter, match=r"one of ONE, TWO, \*"):
        tasks_of(action, {"Section": "THREE"})
