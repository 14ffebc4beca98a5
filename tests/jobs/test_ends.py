"""Going through ended jobs by their ends: short reads by the index, whatever there is."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector.jobs import ends, requests, selection
from connector.jobs.selection import Selection
from connector.jobs.states import FINAL, State
from tests.jobs.conftest import Jobs
from tests.jobs.test_plans import MANY, Costs, costs, fill

__all__ = ["costs"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "WINDOW", 5)


def walked(kit: Jobs, which: Selection, ascending: bool, limit: int) -> Iterator[list[Any]]:
    rest = kit.database.read(ends.start, which, ascending)
    while rest is not None:
        found = kit.database.read(ends.read, which, rest, limit)
        assert len(found.rows) <= limit
        yield list(found.rows)
        rest = found.rest


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_jobs_of_all_final_states_come_once_and_by_their_ends(
    kit: Jobs, ascending: bool, limit: int
) -> None:
    kit.submit("Other")
    found = [kit.in_state(state)[0] for _ in range(4) for state in sorted(FINAL)]
    kit.database.run(requests.cancel, token=kit.submit("Other"), by="test")
    kit.in_state(State.QUEUED)
    wanted = found if ascending else found[::-1]
    pages = walked(kit, Selection("Test"), ascending, limit)
    assert [row.token for page in pages for row in page] == wanted
    few = frozenset({State.FAILED, State.CANCELLED})
    some = [t for t in wanted if kit.state(t) in few]
    pages = walked(kit, Selection("Test", few), ascending, limit)
    assert [row.token for page in pages for row in page] == some


def test_what_ends_while_the_first_ends_come_first_is_not_waited_for(kit: Jobs) -> None:
    wanted = [kit.in_state(State.FINISHED)[0] for _ in range(7)]
    seen = []
    for page in walked(kit, Selection("Test"), True, 2):
        seen += [row.token for row in page]
        kit.in_state(State.FINISHED)
        kit.in_state(State.CANCELLED)
    assert seen == wanted


def test_where_nothing_has_ended_nothing_is_read(kit: Jobs) -> None:
    kit.in_state(State.RUNNING)
    assert kit.database.read(ends.start, Selection("Test"), True) is None
    assert list(walked(kit, Selection("Test"), False, 5)) == [[]]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("queue", ["Test", "Nothing"])
def test_a_read_costs_the_same_however_many_have_ended(
    kit: Jobs, costs: Costs, ascending: bool, queue: str
) -> None:
    fill(kit, (State.RUNNING, State.FINISHED))
    which = Selection(queue)
    rest = costs.of(ends.start, which, ascending)
    looked_at = 0
    for _ in range(3):
        found = costs.of(ends.read, which, rest, 3)
        rest = found.rest
        looked_at += len(found.rows)
        assert rest is not None and rest.after is not None
    assert looked_at == (8 if queue == "Test" else 0) < MANY
