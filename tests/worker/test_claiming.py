"""Claims beside all else that a worker does, and what becomes of what they get."""

import pytest

from connector.db.errors import Unavailable
from connector.jobs import claim
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.worker.filling import KEPT, LET_GO, SOON_FREE
from tests.worker.claims import ROOM, Bench, at_it

pytestmark = pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)


def test_of_much_the_next_is_claimed_beside_and_given_when_it_is_there(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.fill(10.002)  # there is one at a time
    bench.collected(10.003)
    assert bench.slots[0].given == tokens[: 2 * ROOM]
    assert not bench.filler.collect(bench.lease, 10.004)
    assert not bench.filler.holds


def test_what_is_not_short_is_claimed_when_a_slot_is_sure_to_take_it(bench: Bench) -> None:
    bench.filler.took("Test", 100.0)
    bench.filler.told_all()
    tokens = bench.store(ROOM + 100)
    for now in (10.0, 10.001):
        bench.fill(now)
    assert bench.slots[0].given == tokens[: 2 * ROOM]
    assert not bench.filler.collect(bench.lease, 10.002)


def test_what_comes_when_nothing_is_given_any_more_is_kept(bench: Bench) -> None:
    tokens = at_it(bench)
    assert bench.filler.collect(bench.lease, 10.002, True)
    assert [run.token for run in bench.filler.back] == tokens[ROOM : 2 * ROOM]
    assert bench.filler.holds
    assert bench.slots[0].given == tokens[:ROOM]


def test_of_very_many_that_no_slot_takes_most_go_back_to_their_queue(bench: Bench) -> None:
    tokens = bench.store(KEPT + LET_GO + 20)
    runs = bench.database.run(claim.claim, "Test", bench.lease.worker_id, len(tokens))
    bench.filler.back.extend(runs)
    for now in (10.0, 10.9, 11.0, 11.1, 11.2, 11.3):
        assert len(bench.filler.back) == len(runs) or now > 11.0, "slots may become free for them"
        bench.room.clear()
        bench.filler.fill(bench.lease, now, lambda: None)
        bench.recorder.record(lambda: None)
    assert [run.token for run in bench.filler.back] == tokens[:KEPT]
    assert bench.states(tokens[KEPT:]) == {State.QUEUED}
    assert bench.states(tokens[:KEPT]) == {State.RUNNING}


def test_they_are_not_forgotten_while_another_queue_has_a_free_slot(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = bench.store(KEPT + 1)
    bench.filler.back.extend(
        bench.database.run(claim.claim, "Test", bench.lease.worker_id, len(tokens))
    )
    free = {"Test": {}, "Other": {bench.slots[1]: 1}}
    monkeypatch.setattr(bench.filler, "_limits", {"Test": 2, "Other": 1})
    monkeypatch.setattr(bench.filler, "_room", lambda queue, at_once=False: free[queue])
    assert bench.filler.fill(bench.lease, 10.0, lambda: None) == pytest.approx(SOON_FREE)


def test_what_a_lost_lease_has_claimed_is_given_to_nobody(bench: Bench) -> None:
    tokens = at_it(bench)
    bench.lease.drop(wait=5.0)
    bench.collected(10.002)
    assert [run.token for run in bench.filler.back] == tokens[ROOM : 2 * ROOM], "for its end"
    assert bench.slots[0].given == tokens[:ROOM]


def test_what_was_claimed_before_the_lease_that_there_is_now_is_given_to_nobody(
    bench: Bench,
) -> None:
    tokens = at_it(bench)
    assert bench.told.wait(20)
    bench.lease.drop(wait=5.0)
    bench.lease.register()
    bench.collected(10.002)
    assert not bench.filler.holds, "others hand them on"
    assert bench.slots[0].given == tokens[:ROOM]


def test_a_claim_that_gets_no_answer_is_told_and_the_next_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = bench.store(ROOM + 100)
    bench.fill(10.0)
    real = claim.claim

    def away(*_: object, **__: object) -> list[Run]:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(claim, "claim", away)
        bench.fill(10.001)
        assert bench.told.wait(20)
        bench.told.clear()
        with pytest.raises(Unavailable):
            bench.filler.collect(bench.lease, 10.002)
    assert claim.claim is real and not bench.filler.holds
    bench.fill(10.003)
    bench.collected(10.004)
    assert bench.slots[0].given == tokens[: 2 * ROOM]
