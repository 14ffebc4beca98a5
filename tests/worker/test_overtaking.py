"""What stands before all that has been claimed is not passed over."""

from collections.abc import Callable

import pytest

from connector.jobs import outcomes
from connector.jobs.news import told_of
from connector.jobs.states import State
from connector.worker.cursor import GROWTH, MOST_TOLD
from tests.worker.claims import ROOM, Bench, at_it

pytestmark = pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)


def urgent(bench: Bench, tokens: list[str]) -> list[str]:
    return bench.store(3, priority=5)


def handed_back(bench: Bench, tokens: list[str]) -> list[str]:
    run = bench.slots[0].run
    assert run is not None
    bench.database.run(outcomes.release, run, "handed back")
    return [run.token]


COMES = pytest.mark.parametrize("comes", [urgent, handed_back])


@COMES
def test_what_stands_before_what_was_claimed_is_claimed_where_news_tell(
    bench: Bench, comes: Callable[[Bench, list[str]], list[str]]
) -> None:
    tokens = at_it(bench)
    first = comes(bench, tokens)
    bench.filler.heard({told_of("Test", rank) for rank in bench.ranks(first)})
    bench.collected(10.002)
    bench.fill(10.003)
    bench.collected(10.004)
    assert bench.slots[1].given == first
    # All of one commit have one rank: behind what was handed back are some that nobody had.
    others = ROOM - len(first) if comes is handed_back else 0
    bench.fill(10.005)
    bench.collected(10.006)
    assert bench.slots[0].given == tokens[: 3 * ROOM + others], "then it goes on as before"


def test_where_many_are_told_of_it_is_looked_until_none_is_left(bench: Bench) -> None:
    at_it(bench)
    first = bench.store(ROOM + 1, priority=5)
    bench.filler.heard({told_of("Test", rank) for rank in bench.ranks(first)})
    bench.collected(10.002)
    for now in (10.003, 10.005):
        bench.fill(now)
        bench.collected(now)
    assert bench.states(first) == {State.RUNNING}


def test_where_nothing_is_any_more_the_claims_go_on_as_before(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.filler.heard({told_of("Test", 1)})
    bench.collected(10.002)
    for now in (10.003, 10.005):
        bench.fill(now)
        bench.collected(now)
    assert bench.slots[0].given == tokens[: 3 * ROOM]


def test_of_more_ranks_than_are_looked_at_one_by_one_the_head_is(bench: Bench) -> None:
    at_it(bench)
    first = bench.store(1, priority=5)
    bench.filler.heard({told_of("Test", rank) for rank in range(MOST_TOLD + 1)})
    bench.collected(10.002)
    bench.fill(10.003)
    bench.collected(10.004)
    assert bench.slots[1].given == first


@COMES
def test_what_stands_before_what_was_claimed_does_not_wait_behind_it(
    bench: Bench, comes: Callable[[Bench, list[str]], list[str]]
) -> None:
    tokens = at_it(bench)
    first = comes(bench, tokens)
    bench.filler.heard({""})
    bench.collected(10.002)
    bench.fill(10.06)  # one, not to look for more among all that have been claimed
    bench.collected(10.07)
    assert bench.slots[1].given == first[:1]
    bench.slots[1].run = None
    bench.fill(10.08)  # but where one was there may be more
    bench.collected(10.09)
    assert bench.slots[1].given == first
    bench.fill(10.1)
    bench.collected(10.11)
    claimed = tokens[: 3 * ROOM + GROWTH - len(first) + 1]
    assert bench.slots[0].given == claimed
    assert bench.states(claimed) == {State.RUNNING}


def test_of_a_head_at_which_there_is_nothing_new_one_is_claimed(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.collected(10.002)
    for now in (11.5, 11.6):
        bench.fill(now)
        bench.collected(now)
    assert bench.slots[0].given == tokens[: 3 * ROOM + 1] and not bench.slots[1].given


def test_a_look_at_the_head_that_is_due_while_a_claim_is_under_way_is_made_after_it(
    bench: Bench,
) -> None:
    tokens = at_it(bench)
    first = bench.store(1, priority=5)
    bench.filler.heard({""})
    bench.fill(10.06)  # what is news of is to be looked for, and a claim is under way
    bench.collected(10.07)
    bench.fill(10.08)
    bench.collected(10.09)
    assert bench.slots[1].given == first
    assert bench.slots[0].given == tokens[: 2 * ROOM]
