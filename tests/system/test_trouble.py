"""Poison, lost workers, locked and damaged rows, frozen workers: what it costs, and whom."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from functools import partial

import psutil
import pytest
import sqlalchemy as sa

from connector.jobs import requests
from connector.jobs.states import State
from connector.jobs.tables import jobs, workers
from tests.system.conftest import Server, eventually, sqlite


@sqlite
def test_poison_runs_again_at_once_then_later_then_fails(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_RETRYSECONDS="2")
    job = server.wait(server.submit("crash_once", Times=99), State.FAILED)
    assert job.error == "its process died (signal 9) (tried 3 times, MaxAttempts=3)"
    first, second, third = (int(line[4]) / 1e9 for line in server.traced("start", job.token))
    print(f"rerun after {second - first:.2f} s, then after {third - second:.2f} s")
    assert second - first < 2 and third - second >= 2
    assert server.wait(server.submit("nothing"), State.FINISHED).attempt == 1


@sqlite
def test_five_workers_lost_in_a_row_cost_no_failure(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_MAXATTEMPTS="1")
    token = server.submit("wait_for_file")
    for lost in range(1, 6):
        started = eventually(f"start {lost}", partial(_starts, server, token, lost))
        server.processes("connector.worker.start")[0].kill()
        eventually("its slot dies with it", partial(_gone, started))
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert (job.attempt, job.failures, job.losses) == (6, 0, 5)
    assert len(server.traced("end", token)) == 1


@contextlib.contextmanager
def locked(server: Server, *tokens: str) -> Iterator[None]:
    """Hold the rows of these jobs as somebody does by hand, without our time-outs."""
    by_hand = sa.create_engine(server.database.engine.url, poolclass=sa.NullPool)
    schema = {"schema_translate_map": {None: server.database.schema}}
    with by_hand.connect().execution_options(**schema) as connection:
        for token in tokens:
            row = sa.select(jobs.c.token).where(jobs.c.token == token)
            connection.execute(row.with_for_update())
        yield
        connection.rollback()
    by_hand.dispose()


@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
def test_a_row_locked_by_hand_costs_no_lease_and_delays_no_other_job(server: Server) -> None:
    server.start(CONNECTOR_WORKER_LEASESECONDS="2", CONNECTOR_ACTIONS_MAXIMUMTHREADS="3")
    saving = server.submit("save_once")
    ending = server.submit("wait_for_file")
    eventually(
        "both run", lambda: server.traced("start", saving) and server.traced("start", ending)
    )
    eventually("the checkpoint is saved", lambda: server.traced("saved", saving))
    with server.database.engine.connect() as connection:
        before = connection.execute(sa.select(workers.c.id)).scalars().all()
    with locked(server, saving, ending):
        (server.trace.parent / "trace.go").touch()
        eventually("their actions have ended", lambda: len(server.traced("end")) == 2)
        until, waits = time.monotonic() + 4.0, []
        while time.monotonic() < until:
            begun = time.monotonic()
            server.wait(server.submit("nothing"), State.FINISHED)
            waits.append(time.monotonic() - begun)
        print(f"others took {max(waits):.2f} s at most, {len(waits)} of them")
        assert max(waits) < 2.5
    for token in (saving, ending):
        assert server.wait(token, State.FINISHED).attempt == 1
    with server.database.engine.connect() as connection:
        assert connection.execute(sa.select(workers.c.id)).scalars().all() == before


@sqlite
def test_a_frozen_worker_and_its_slots_are_gone_before_its_lease_lapses(server: Server) -> None:
    lease = 5.0
    server.start(CONNECTOR_WORKER_LEASESECONDS=str(lease))
    token = server.submit("sleep")
    first = os.pidfd_open(eventually("it starts", lambda: _starts(server, token, 1)))
    try:
        os.kill(server.processes("connector.worker.start")[0].pid, signal.SIGSTOP)
        assert select.select([first], [], [], lease)[0], "its slot is gone"
    finally:
        os.close(first)
    eventually("it runs again", lambda: _starts(server, token, 2))
    assert server.job(token).failures == 0


@sqlite
def test_a_lease_of_two_seconds_holds_under_load(server: Server) -> None:
    server.start(CONNECTOR_WORKER_LEASESECONDS="2", CONNECTOR_ACTIONS_MAXIMUMTHREADS="6")
    tokens = [server.submit("loop", Seconds=5) for _ in range(6)]
    for token in tokens:
        job = server.wait(token, State.FINISHED, seconds=60)
        assert (job.attempt, job.losses) == (1, 0)


@sqlite
@pytest.mark.parametrize("guarded", [True, False])
def test_a_damaged_row_fails_or_stays_alone(server: Server, guarded: bool) -> None:
    bad = {server.submit("nothing"): text for text in ("no JSON at all", '["a list"]', "17")}
    with server.database.engine.begin() as connection:
        guards = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'jobs'"
        triggers = connection.execute(sa.text(guards)).all()
        for name, _ in triggers:
            connection.execute(sa.text(f"DROP TRIGGER {name}"))
        spoil = sa.text("UPDATE jobs SET parameters = :p, changed_by = 'x' WHERE token = :t")
        for token, damage in bad.items():
            connection.execute(spoil, {"p": damage, "t": token})
        for _, made in triggers if guarded else []:
            connection.exec_driver_sql(made)
    server.start()
    good = server.submit("nothing")
    assert server.wait(good, State.FINISHED).losses == 0
    for token in bad:
        if guarded:  # it can be moved by no verb
            assert server.job(token).state is State.QUEUED
            continue
        job = server.wait(token, State.FAILED)
        assert job.error == "the parameters stored for it are damaged: a JSON object is expected"


@sqlite
def test_a_row_set_running_by_hand_is_handed_back(server: Server) -> None:
    server.start()
    server.wait(server.submit("nothing"), State.FINISHED)
    token = server.submit("sleep", queue="Unknown")
    with server.database.engine.begin() as connection:
        spoil = "UPDATE jobs SET state = 'running', changed_by = 'x' WHERE token = :t"
        connection.execute(sa.text(spoil), {"t": token})
    server.wait(token, State.QUEUED)
    assert server.database.run(requests.cancel, token, "test") is State.CANCELLED


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def _starts(server: Server, token: str, times: int) -> int | None:
    """Return the pid of the slot once an action has started so often."""
    found = server.traced("start", token)
    return int(found[-1][3]) if len(found) >= times else None
