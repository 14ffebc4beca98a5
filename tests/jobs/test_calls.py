"""How often tasks were worked on, and stopping what works on them, on every engine."""

import pytest

from connector.jobs import calls, outcomes, requests
from connector.jobs.states import State
from tests.jobs.conftest import Jobs


def test_calls_of_a_task_are_those_that_have_begun(kit: Jobs) -> None:
    kit.submit(tasks=("A",))
    assert kit.database.read(calls.by_task, "Test") == {}
    both = kit.claim(kit.submit(tasks=("B", "A")))
    found = kit.database.read(calls.by_task, "Test")
    assert (found["B"].number, found["B"].ended_at) == (1, None)
    assert found["B"].started_at == kit.job(both.token).started_at
    kit.database.run(outcomes.finish, both, {})
    told = kit.database.read(calls.by_task, "Test")
    assert told["B"].ended_at == kit.job(both.token).ended_at
    assert set(told) == {"A", "B"} and kit.database.read(calls.by_task, "Other") == {}


def test_only_the_newest_jobs_are_looked_at(kit: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "WINDOW", 2)
    for task in ("OLD", "NEW"):
        kit.claim(kit.submit(tasks=(task,)))
    kit.submit("Other")
    assert set(kit.database.read(calls.by_task, "Test")) == {"NEW"}


def test_stop_all_of_a_task_asks_those_alone_that_work_on_it(kit: Jobs) -> None:
    one, both = (kit.claim(kit.submit(tasks=tasks)).token for tasks in (("A",), ("B", "AB")))
    none = kit.claim(kit.submit()).token
    stopped = kit.database.run(requests.stop_all, queue="Test", by="me", tasks=["B", "C"])
    assert stopped == [both]
    assert [kit.job(token).requested for token in (one, both, none)] == [None, "stop", None]
    assert kit.job(none).state is State.RUNNING
