"""The model, searched whole: with every rule it holds, and without any one of them it does not."""

import pytest

from tests.model.__main__ import said
from tests.model.invariants import (
    ALONE,
    ATTEMPT,
    FINAL_ONCE,
    KEPT,
    NO_WEDGE,
    STOPPED,
    TASK,
    WRITER,
)
from tests.model.search import search
from tests.model.world import ALL, Rule

BREAKS = {
    Rule.FENCE: WRITER,
    Rule.LAPSE: ALONE,
    Rule.BEAT: ALONE,
    Rule.RENEWAL: ALONE,
    Rule.CLOCK: ALONE,
    Rule.RESCUE: NO_WEDGE,
    Rule.STRAYS: NO_WEDGE,
    Rule.FORGOTTEN: NO_WEDGE,
    Rule.GUARD: FINAL_ONCE,
    Rule.COUNT: ATTEMPT,
    Rule.HOLD: TASK,
    Rule.HOLDER: TASK,
    Rule.STOP: STOPPED,
    Rule.COMMIT: KEPT,
}
"""What goes wrong first without each rule."""


@pytest.mark.parametrize(("jobs", "faults"), [(2, 1), (1, 2)])
def test_no_invariant_can_be_broken(jobs: int, faults: int) -> None:
    """A crash, a freeze or a lost answer is tried between any two steps; two, with a single job."""
    found = search(ALL, jobs, faults)
    assert found.invariant is None, [said(step) for step, _ in found.trace]
    assert found.worlds > 50_000, "the search is not as wide as it was"


@pytest.mark.parametrize("rule", Rule, ids=str)
def test_without_any_one_rule_an_invariant_is_broken(rule: Rule) -> None:
    found = search(ALL - {rule}, jobs=1, faults=1)
    assert found.invariant == BREAKS[rule]
    assert found.trace, "it says how that came about"


def test_every_invariant_is_one_that_can_be_broken() -> None:
    known = {ALONE, ATTEMPT, FINAL_ONCE, KEPT, NO_WEDGE, STOPPED, TASK, WRITER}
    assert set(BREAKS.values()) == known


def test_a_way_is_told_with_everybody_keeping_the_name() -> None:
    trace = search(ALL - {Rule.HOLD}, jobs=1, faults=1).trace
    assert [said(step) for step, _ in trace] == [
        "submit job 1",
        "worker 1: claim job 1, attempt 1",
        "worker 1: freeze",
        "tick",
        "tick",
        "tick",
        "worker 2: see a lapsed lease",
        "worker 2: evict",
        "worker 2: find an orphan job 1, attempt 1",
        "worker 2: lose job 1, attempt 1",
        "worker 2: claim job 1, attempt 2",
        "worker 2: hold job 1, attempt 2",
        "worker 1: hold job 1, attempt 1",
    ]
