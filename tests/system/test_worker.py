"""What a server does with actions: runs each once, whatever is killed, and stops for certain."""

import os
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from connector.jobs import requests, submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests.system.conftest import (
    Server,
    eventually,
    postgresql,
    result_of,
    sqlite,
    two_engines,
)


def test_an_action_runs_and_its_result_is_stored(server: Server) -> None:
    server.start()
    token = server.submit("nothing")
    assert result_of(server.wait(token, State.FINISHED)) == {"did": "nothing"}
    assert server.end() == 0


@sqlite
def test_an_exception_fails_the_action_with_its_message(server: Server) -> None:
    server.start()
    job = server.wait(server.submit("error"), State.FAILED)
    assert job.error == "ValueError: as asked"


@pytest.mark.parametrize(
    ("do", "server"),
    [
        ("sleep", "sqlite"),
        ("sleep", "postgresql"),
        ("sleep", "mariadb"),
        ("loop", "sqlite"),
        ("deaf", "sqlite"),
        ("hold_interpreter_lock", "sqlite"),
    ],
    indirect=["server"],
)
def test_stop_ends_a_running_action_within_the_grace(server: Server, do: str) -> None:
    server.start()
    token = server.submit(do)
    start = eventually("it starts", lambda: server.traced("start", token))[0]
    assert server.database.run(requests.stop, token, "test") is State.RUNNING
    server.wait(token, State.STOPPED, seconds=10)
    assert not psutil.pid_exists(int(start[3]))
    assert len(server.traced("start", token)) == 1


@sqlite
def test_stop_ends_a_grandchild_in_a_session_of_its_own(server: Server) -> None:
    server.start()
    token = server.submit("grandchild")
    noted = eventually("it starts", lambda: server.traced("grandchild=", token))[0]
    server.database.run(requests.stop, token, "test")
    server.wait(token, State.STOPPED, seconds=10)
    assert not psutil.pid_exists(int(noted[0].partition("=")[2]))


@two_engines
def test_a_slot_that_dies_is_replaced_and_its_action_tried_again(server: Server) -> None:
    server.start()
    assert result_of(server.wait(server.submit("crash_once"), State.FINISHED)) == {"attempt": 2}


@sqlite
def test_an_action_that_kills_its_slot_fails_after_its_tries(server: Server) -> None:
    server.start(CONNECTOR_ACTIONS_RETRYSECONDS="0.01")
    job = server.wait(server.submit("crash_once", Times=99), State.FAILED)
    assert (job.failures, job.attempt) == (3, 3)
    assert job.error and "tried 3 times" in job.error


@two_engines
def test_a_retry_and_a_checkpoint_survive_the_slot(server: Server) -> None:
    server.start()
    assert result_of(server.wait(server.submit("retry"), State.FINISHED)) == {"attempt": 2}
    assert result_of(server.wait(server.submit("checkpoint"), State.FINISHED)) == {"done": 1}


@two_engines
def test_sigterm_hands_running_actions_back_and_leaves_no_process(server: Server) -> None:
    server.start()
    token = server.submit("sleep")
    eventually("it starts", lambda: server.traced("start", token))
    family = server.family()
    assert server.end() == 0
    job = server.job(token)
    assert (job.state, job.failures) == (State.QUEUED, 0)
    assert not any(process.is_running() for process in family[1:])


@pytest.mark.parametrize(
    ("victim", "server"),
    [
        ("slot", "postgresql"),
        ("worker", "postgresql"),
        ("supervisor", "postgresql"),
        ("everything", "postgresql"),
        ("worker", "sqlite"),
        ("everything", "sqlite"),
        ("worker", "mariadb"),
        ("everything", "mariadb"),
    ],
    indirect=["server"],
)
def test_what_was_killed_runs_again_and_finishes_once(server: Server, victim: str) -> None:
    # Which nobody waits for: neither who was killed, nor a worker that is left without supervisor.
    server.start(CONNECTOR_WORKER_SHUTDOWNSECONDS="3600")
    token = server.submit("wait_for_file")
    started = eventually("it starts", lambda: server.traced("start", token))[0]
    match victim:
        case "slot":
            os.kill(int(started[3]), signal.SIGKILL)
        case "worker":
            server.processes("connector.worker.start")[0].kill()
        case "supervisor":
            server.family()[0].kill()
        case "everything":
            server.kill()
    if victim == "supervisor":
        assert server.process is not None
        server.process.wait()
    if victim in ("supervisor", "everything"):
        server.start()
    eventually("it starts again", lambda: len(server.traced("start", token)) == 2)
    eventually("the first is gone", lambda: not psutil.pid_exists(int(started[3])))
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert len(server.traced("end", token)) == 1
    assert job.failures == (1 if victim == "slot" else 0)
    assert server.end() == 0


def test_two_workers_run_each_of_many_actions_exactly_once(server: Server) -> None:
    new = [
        NewJob(new_token(), "Test", {"Do": "nothing", "Trace": str(server.trace)})
        for _ in range(500)
    ]
    server.start(
        "serve",
        CONNECTOR_SERVER_WORKERS="2",
        CONNECTOR_TEST_MAXIMUMTHREADS="2",
        CONNECTOR_LOGGING_LOGLEVEL="Warning",
    )
    # One worker alone could be quick enough for them all: each has its share held first.
    held = [server.submit("wait_for_file") for _ in range(4)]
    eventually("both have begun", lambda: len(server.traced("start")) == len(held))
    server.database.run(submit.submit, new)
    server.database.notify({"Test"})
    Path(f"{server.trace}.go").touch()
    tokens = [*held, *(job.token for job in new)]
    eventually("all have ended", lambda: len(server.traced("end")) >= len(tokens), 60)
    for token in tokens:
        server.wait(token, State.FINISHED)
    runs = Counter(token for _, token, *_ in server.traced("start"))
    assert runs == Counter(tokens)
    with server.database.engine.connect() as connection:
        found = connection.execute(sa.select(jobs.c.worker_id).distinct()).scalars().all()
    assert len(found) == 2, "both took part"
    assert server.end() == 0


@postgresql
def test_a_frozen_worker_is_killed_with_its_slots_and_its_action_runs_again(
    server: Server,
) -> None:
    server.start()
    token = server.submit("wait_for_file")
    first = eventually("it starts", lambda: server.traced("start", token))[0]
    (worker,) = server.processes("connector.worker.start")
    worker.suspend()
    eventually("it starts again", lambda: len(server.traced("start", token)) == 2)
    assert not psutil.pid_exists(int(first[3])), "two never run at once"
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert (job.failures, job.losses) == (0, 1)
    assert len(server.traced("end", token)) == 1
