"""Leases: how a dead worker is told from a slow one, and what becomes of what it held."""

import sqlalchemy as sa

from connector.jobs import outcomes, requests, workers
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.workers import LeaseWatch, Worker
from tests.jobs.conftest import OTHER, WORKER, Jobs


def register(kit: Jobs, *ids: str) -> None:
    for id in ids:
        kit.database.run(workers.register, Worker(id, "host", "boot", 1, "0", {}), ["Test"])


def test_a_lease_lapses_when_the_beat_stands_still_for_its_time() -> None:
    watch = LeaseWatch(15.0)
    assert watch.lapsed(100.0, {"a": 1, "b": 1}) == {}
    assert watch.lapsed(114.9, {"a": 1, "b": 2}) == {}
    assert watch.lapsed(115.0, {"a": 1, "b": 2}) == {"a": 1}
    assert watch.lapsed(129.9, {"a": 2, "b": 2}) == {"b": 2}
    assert watch.lapsed(130.0, {"a": 2}) == {}, "one that is gone is nobody's concern"


def test_a_beat_tells_that_the_lease_is_still_there(kit: Jobs) -> None:
    register(kit, WORKER)
    assert kit.database.run(workers.beat, WORKER)
    assert kit.database.read(workers.beats) == {WORKER: 1}
    assert kit.database.run(workers.evict, WORKER)
    assert not kit.database.run(workers.beat, WORKER), "a rescued worker cannot renew"


def test_one_that_has_beaten_since_is_not_evicted(kit: Jobs) -> None:
    register(kit, WORKER)
    seen = kit.database.read(workers.beats)[WORKER]
    kit.database.run(workers.beat, WORKER)
    assert not kit.database.run(workers.evict, WORKER, seen)
    assert kit.database.run(workers.evict, WORKER, seen + 1)


def test_rescue_takes_what_has_no_living_worker_and_nothing_else(kit: Jobs) -> None:
    register(kit, WORKER)
    mine = kit.running(WORKER)
    orphans = {kit.running(OTHER).token for _ in range(3)}
    stopping = kit.running(OTHER)
    kit.database.run(requests.stop, token=stopping.token, by="client")
    rescued = workers.rescue(kit.database, "test")
    assert set(rescued) == {*orphans, stopping.token}
    assert kit.state(mine.token) is State.RUNNING
    assert kit.state(stopping.token) is State.STOPPED, "a stop asked for is honoured"
    for token in orphans:
        job = kit.job(token)
        assert (job.state, job.losses, job.failures) == (State.QUEUED, 1, 0)
        assert kit.events(token) == ["release"]
    assert workers.rescue(kit.database, "test") == []


def test_rescue_goes_on_beyond_one_batch(kit: Jobs) -> None:
    tokens = {kit.running(OTHER).token for _ in range(5)}
    batch, workers.BATCH = workers.BATCH, 2
    try:
        assert set(workers.rescue(kit.database, "test")) == tokens
    finally:
        workers.BATCH = batch


def test_strays_are_what_a_worker_holds_without_knowing(kit: Jobs) -> None:
    known, stray = kit.running(), kit.running()
    kit.running(OTHER)
    found = kit.database.read(workers.strays, WORKER, {known.token})
    assert [run.token for run in found] == [stray.token]
    kit.database.run(outcomes.release, found[0], "the answer was lost")
    assert kit.state(stray.token) is State.QUEUED


def test_a_worker_that_ends_in_order_leaves_no_lease(kit: Jobs) -> None:
    register(kit, WORKER, OTHER)
    kit.database.run(workers.retire, WORKER)
    assert set(kit.database.read(workers.beats)) == {OTHER}
    assert kit.database.read(workers.on_host, "host") == [OTHER]


def test_a_row_that_somebody_locks_does_not_delay_the_rescue_of_others(kit: Jobs) -> None:
    locked, free = kit.running(OTHER), kit.running(OTHER)
    if not kit.database.schema:
        return  # SQLite locks the file, never a row
    with kit.database.engine.connect() as connection, connection.begin():
        select = sa.select(jobs.c.token).where(jobs.c.token == locked.token).with_for_update()
        connection.execute(select)
        assert workers.rescue(kit.database, "test") == [free.token]
    assert workers.rescue(kit.database, "test") == [locked.token]
