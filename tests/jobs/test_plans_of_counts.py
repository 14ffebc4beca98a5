"""What those cost who watch and count does not grow with what waits and what has ended."""

import pytest

from connector.jobs import reading, watching
from connector.jobs.backlog import backlogs
from connector.jobs.counting import Counting
from connector.jobs.states import State
from connector.jobs.turns import task_key
from tests.jobs.conftest import WORKER, Jobs, count_at_once
from tests.jobs.test_plans import MANY, Costs, analysed, fill, run_at_once


@pytest.fixture
def costs(kit: Jobs) -> Costs:
    kit.register(WORKER)
    return Costs(kit.database)


def counted(kit: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all be counted beforehand, as workers do after a while."""
    count_at_once(monkeypatch)
    worker = Counting(kit.database)
    while worker.step():
        pass


def test_counts_read_neither_what_waits_nor_what_has_ended(
    kit: Jobs, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kit, (State.RUNNING, State.FINISHED))
    fill(kit)
    kit.submit("Other")
    counted(kit, monkeypatch)
    analysed(kit)
    run_at_once(kit)
    expected = {State.QUEUED: MANY, State.RUNNING: 1, State.PAUSED: 0}
    found = costs.of(reading.counts, "Test")
    assert (found.states, found.completed) == (expected, MANY)
    everything = costs.of(reading.open_counts)
    running, waiting = ("Test", State.RUNNING), ("Test", State.QUEUED)
    assert everything == {waiting: MANY, running: 1, ("Other", State.QUEUED): 1}
    assert costs.of(watching.views, {"Test": ()}, 3)["Test"].counts == found


@pytest.mark.parametrize("on_tasks", [(), ("Test",)], ids=["alike", "on tasks"])
def test_those_who_watch_read_nothing_that_has_ended(
    kit: Jobs, costs: Costs, monkeypatch: pytest.MonkeyPatch, on_tasks: tuple[str, ...]
) -> None:
    fill(kit, (State.RUNNING, State.FINISHED), tasks="A", task_key=task_key(("A",)))
    analysed(kit)
    counted(kit, monkeypatch)
    for _ in range(3):
        kit.submit(tasks=("A",))
    (found,) = (x for x in costs.of(backlogs, ["Test"], on_tasks) if x.queue == "Test")
    assert found.jobs == {State.QUEUED: 3}


def test_who_watches_a_queue_reads_its_first_jobs_alone(kit: Jobs, costs: Costs) -> None:
    fill(kit)
    fill(kit, (State.RUNNING, State.FAILED))
    token = run_at_once(kit).token
    analysed(kit)
    assert list(costs.of(watching.first, "Test", 20))[0] == token
