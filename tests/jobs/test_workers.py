"""Leases: how a dead worker is told from a slow one, and what becomes of what it held."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import outcomes, requests, workers
from connector.jobs.errors import LeaseLost
from connector.jobs.states import State
from connector.jobs.tables import jobs, queues
from connector.jobs.workers import Beat, LeaseWatch
from tests.jobs.conftest import OTHER, WORKER, Jobs


def register(kit: Jobs, *ids: str) -> None:
    kit.register(*ids)


def beats(**numbers: int) -> dict[str, Beat]:
    return {worker: Beat(number) for worker, number in numbers.items()}


def test_a_lease_lapses_when_the_beat_stands_still_for_its_time() -> None:
    watch = LeaseWatch(15.0)
    assert watch.lapsed(100.0, beats(a=1, b=1)) == {}
    assert watch.lapsed(114.9, beats(a=1, b=2)) == {}
    assert watch.lapsed(115.0, beats(a=1, b=2)) == {"a": 1}
    assert watch.lapsed(129.9, beats(a=2, b=2)) == {"b": 2}
    assert watch.lapsed(130.0, beats(a=2)) == {}, "one that is gone is nobody's concern"


def test_when_the_next_lease_may_lapse_is_known() -> None:
    watch = LeaseWatch(15.0)
    assert watch.next(100.0) == float("inf")
    watch.lapsed(100.0, {"a": Beat(1), "b": Beat(1, lease=2.0)})
    assert watch.next(100.0) == 102.0
    assert watch.next(102.0) == 115.0
    watch.lapsed(101.0, {"a": Beat(1), "b": Beat(2, lease=2.0)})
    assert watch.next(101.0) == 103.0, "it has beaten"


def test_a_beat_tells_that_the_lease_is_still_there(kit: Jobs) -> None:
    register(kit, WORKER)
    assert kit.database.run(workers.beat, WORKER)
    assert kit.database.read(workers.beats) == {WORKER: Beat(1)}
    assert kit.database.run(workers.evict, WORKER)
    assert not kit.database.run(workers.beat, WORKER), "a rescued worker cannot renew"


def test_one_that_has_beaten_since_is_not_evicted(kit: Jobs) -> None:
    register(kit, WORKER)
    seen = kit.database.read(workers.beats)[WORKER].number
    kit.database.run(workers.beat, WORKER)
    assert not kit.database.run(workers.evict, WORKER, seen)
    assert kit.database.run(workers.evict, WORKER, seen + 1)


def test_only_the_beat_counts_and_not_how_late_or_often_one_looks() -> None:
    watch = LeaseWatch(15.0)
    assert watch.lapsed(0.0, beats(a=7)) == {}
    assert watch.lapsed(1e6, beats(a=8)) == {}, "it has beaten since the last look"
    assert watch.lapsed(1e6 + 14, beats(a=8)) == {}
    assert watch.lapsed(1e6 + 16, beats(a=8)) == {"a": 8}
    assert watch.lapsed(1e6 + 17, beats(a=7)) == {}, "another number is a sign of life"


def test_a_stepped_clock_of_the_database_lapses_nothing(kit: Jobs) -> None:
    register(kit, WORKER)
    watch, run = LeaseWatch(15.0), kit.running(WORKER)
    watch.lapsed(0.0, kit.database.read(workers.beats))
    for jump in (timedelta(days=400), timedelta(days=-400)):
        kit.database.run_at(datetime.now(UTC) + jump, workers.beat, WORKER)
        assert watch.lapsed(14.0, kit.database.read(workers.beats)) == {}
    assert workers.rescue(kit.database, "test") == []
    assert kit.state(run.token) is State.RUNNING


def test_one_whose_lease_was_taken_gets_nothing_recorded(kit: Jobs) -> None:
    register(kit, WORKER)
    run = kit.running(WORKER)
    kit.database.run(workers.evict, WORKER)
    assert workers.rescue(kit.database, "test") == [run.token]
    before = kit.row(run.token)
    with pytest.raises(LeaseLost):
        kit.database.run(outcomes.finish, run, {})
    assert kit.row(run.token) == before


def test_registering_leaves_a_paused_queue_paused(kit: Jobs) -> None:
    register(kit, WORKER)
    with kit.database.engine.begin() as connection:
        connection.execute(sa.update(queues).values(paused=True))
    register(kit, OTHER)
    with kit.database.engine.connect() as connection:
        assert connection.execute(sa.select(queues.c.queue, queues.c.paused)).all() == [
            ("Test", True)
        ]


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
    if kit.database.dialect.name == "sqlite":
        return  # it locks the file, never a row
    with kit.database.engine.connect() as connection, connection.begin():
        select = sa.select(jobs.c.token).where(jobs.c.token == locked.token).with_for_update()
        connection.execute(select)
        assert workers.rescue(kit.database, "test") == [free.token]
    assert workers.rescue(kit.database, "test") == [locked.token]


def test_a_row_that_the_database_refuses_to_move_does_not_keep_others(kit: Jobs) -> None:
    bad, good = kit.running(OTHER), kit.running(OTHER)
    before = kit.row(bad.token)
    refuse(kit, bad.token)
    assert workers.rescue(kit.database, "test") == [good.token]
    assert kit.row(bad.token) == before


def refuse(kit: Jobs, token: str, what: str = "UPDATE") -> None:
    """Add a trigger, as a DBA might, that refuses every change, or the end, of one job."""
    schema = kit.database.schema
    texts = {
        "sqlite": [
            f"CREATE TRIGGER refuse BEFORE {what} ON jobs WHEN OLD.token = '{token}' "
            "BEGIN SELECT raise(ABORT, 'refused'); END"
        ],
        "mariadb": [
            f"CREATE TRIGGER refuse BEFORE {what} ON jobs FOR EACH ROW "
            f"IF OLD.token = '{token}' THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 4025; END IF"
        ],
        "postgresql": [
            f"CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused'; END $$",
            f"CREATE TRIGGER refuse BEFORE {what} ON {schema}.jobs FOR EACH ROW "
            f"WHEN (OLD.token = '{token}') EXECUTE FUNCTION {schema}.refuse()",
        ],
    }[kit.database.dialect.name]
    with kit.database.engine.begin() as connection:
        for text in texts:
            connection.exec_driver_sql(text)


def test_rescue_goes_on_where_somebody_else_was_faster(kit: Jobs) -> None:
    first, second = kit.running(OTHER), kit.running(OTHER)
    taken: list[str] = []

    class Slow(Database):
        def run(self, *arguments: object) -> object:  # type: ignore[override]
            if not taken:  # between our look and our write another rescuer takes both
                taken.extend(workers.rescue(kit.database, "other"))
            return super().run(*arguments)  # type: ignore[arg-type]

    url = kit.database.engine.url.set(drivername=kit.database.dialect.name)
    slow = Slow(url.render_as_string(hide_password=False))
    assert workers.rescue(slow, "test") == []
    slow.close()
    assert set(taken) == {first.token, second.token}
    assert kit.job(first.token).losses == 1
