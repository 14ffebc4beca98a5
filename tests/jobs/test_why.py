"""Why an action is where it is, from the database's own views, on every engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.actions import sealing
from connector.config.keyfile import NoKey
from connector.db.schema import schema_info
from connector.jobs import operate, outcomes, requests, tables, turns, workers
from connector.jobs.errors import NoSuchJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from connector.jobs.why import Why, why
from tests.jobs.conftest import OTHER, WORKER, Jobs


@pytest.fixture
def served(kit: Jobs) -> Jobs:
    serve(kit, WORKER)
    return kit


def serve(kit: Jobs, id: str, host: str = "here", **given: str) -> None:
    serves = {"queues": {"Test": 2}, "tasks": ["A", "B"]}
    worker = workers.Worker(id, host, "boot", 7, "0", serves, lease_seconds=15.0, **given)
    kit.database.run(workers.register, worker, {"Test": 60.0})


def asked(kit: Jobs, token: str) -> Why:
    return kit.database.run(why, token)


def test_each_state_is_explained_with_what_changes_it(kit: Jobs) -> None:
    wanted = {
        State.FINISHED: ("it finished at ", "nothing to do"),
        State.FAILED: ("it failed at ", "webex-connector retry "),
        State.STOPPED: ("it was stopped at ", "webex-connector retry "),
        State.CANCELLED: ("it was cancelled at ", "webex-connector retry "),
        State.PAUSED: ("it is paused: ", "webex-connector resume "),
        State.RUNNING: ("the worker that ran it is gone", "webex-connector work"),
    }
    for state, (explanation, remedy) in wanted.items():
        token, _ = kit.in_state(state)
        found = asked(kit, token)
        assert found.state is state and found.explanation.startswith(explanation), found
        assert found.remedy.startswith(remedy), found
    with pytest.raises(NoSuchJob):
        asked(kit, new_token())


def test_a_run_is_told_with_host_and_process_and_what_was_asked(served: Jobs) -> None:
    run = served.running()
    assert "s on here, pid 7, attempt 1" in asked(served, run.token).explanation
    served.database.run(requests.pause, run.token, "cli me")
    assert asked(served, run.token).explanation.startswith("cli me asked it to pause 0 s ago")
    served.database.run(requests.stop, run.token, "http you")
    assert asked(served, run.token).explanation.startswith("http you asked it to stop 0 s ago")


def test_a_run_whose_worker_is_silent_says_so(served: Jobs) -> None:
    run = served.running()
    past = datetime.now(UTC) - timedelta(seconds=20)
    late = sa.update(tables.workers).values(beat_at=past)
    served.database.run(lambda tx: tx.execute(late))
    found = asked(served, run.token)
    assert "its worker on here, pid 7, has been silent for 2" in found.explanation
    assert found.remedy == "webex-connector work"
    serve(served, OTHER)
    assert asked(served, run.token).remedy == "nothing to do", "another one takes it over"


def test_a_pause_is_told_with_who_asked_for_it_and_why(served: Jobs) -> None:
    run = served.running()
    served.database.run(requests.pause, run.token, "cli me", "to look")
    served.database.run(outcomes.release, run, "it was paused")
    assert asked(served, run.token).explanation == "it is paused: cli me: to look"


def test_nobody_serves_the_queue(kit: Jobs) -> None:
    token = kit.submit()
    found = asked(kit, token)
    assert found.explanation == "no worker is registered that serves the queue Test"
    assert found.remedy == "webex-connector work"


def test_the_hosts_that_serve_the_queue_are_drained(served: Jobs) -> None:
    token = served.submit()
    served.database.run(operate.drain, "here", "cli me")
    found = asked(served, token)
    assert found.explanation == "no worker that serves the queue claims: here is drained"
    assert found.remedy == "webex-connector drain here --undo"


def test_the_workers_are_of_another_environment(kit: Jobs) -> None:
    serve(kit, WORKER, environment="production")
    token = kit.submit()
    assert asked(kit, token).explanation.endswith("here is of another environment")
    rename = sa.update(schema_info).values(environment="production")
    kit.database.run(lambda tx: tx.execute(rename))
    assert asked(kit, token).cause == "next"


def test_a_worker_that_is_silent_serves_nobody(served: Jobs) -> None:
    token = served.submit()
    past = datetime.now(UTC) - timedelta(minutes=5)
    late = sa.update(tables.workers).values(beat_at=past)
    served.database.run(lambda tx: tx.execute(late))
    assert asked(served, token).explanation.endswith("here is silent")


def test_the_queue_is_paused_by_somebody_for_a_reason(served: Jobs) -> None:
    token = served.submit()
    served.database.run(operate.pause_queue, "Test", "cli me", "tonight")
    found = asked(served, token)
    assert found.explanation == "its queue is paused by cli me: tonight"
    assert found.remedy == "webex-connector resume --queue Test"


def test_it_is_not_due(served: Jobs) -> None:
    token = served.submit(delay=3600.0)
    found = asked(served, token)
    assert found.cause == "not due" and " UTC, in 3" in found.explanation
    run = served.running()
    served.database.run(outcomes.retry, run, "broken", 60.0, 3)
    assert asked(served, run.token).explanation.endswith(" s, after 1 failures: broken")


def test_one_whose_key_is_missing_says_how_to_give_it_the_key(served: Jobs, tmp_path: Path) -> None:
    run = served.running()
    with pytest.raises(NoKey) as error:
        sealing.opened({"Pin": {sealing.SEALED: "x"}}, tmp_path / "secret.key")
    served.database.run(outcomes.release, run, str(error.value), 60.0)
    found = asked(served, run.token)
    assert found.cause == "not due" and str(error.value) in found.explanation
    assert found.remedy == (
        "put the key file ([Paths] KeyFile) of the other hosts there; the action is tried again "
        "by itself"
    )
    other = served.running()
    served.database.run(outcomes.release, other, "Webex is away", 60.0)
    assert asked(served, other.token).remedy == "nothing to do"


def test_no_worker_knows_its_tasks(served: Jobs) -> None:
    token = served.submit(tasks=("A", "Z"))
    assert asked(served, token).explanation == "no worker knows all of its tasks: A,Z"


def test_the_limit_of_the_cluster_is_full(served: Jobs) -> None:
    served.running()
    token = served.submit()
    served.database.run(operate.limit_queue, "Test", 1, "cli me")
    found = asked(served, token)
    assert found.explanation == "the queue may run 1 at once in the whole cluster, and does"
    assert found.remedy == "webex-connector limit Test none"


def test_its_task_is_taken_by_another(served: Jobs) -> None:
    first, second = served.submit(tasks=("A", "B")), served.submit(tasks=("B",))
    runs = served.database.run(turns.claim_in_turn, "Test", WORKER, 9, ["A", "B"])
    assert [run.token for run in runs] == [first]
    found = asked(served, second)
    assert found.explanation == f"a task of it is taken by {first}, which has not ended"
    assert found.remedy == f"webex-connector why {first}"


def test_it_waits_behind_others_or_is_next(served: Jobs) -> None:
    first, second = served.submit(), served.submit()
    assert asked(served, first).explanation == "it is next: a slot that comes free takes it"
    assert asked(served, second).explanation.endswith(f"the first of them is {first}")


def test_a_row_that_somebody_has_locked_is_told(served: Jobs) -> None:
    token, jobs = served.submit(), tables.jobs
    with served.database.engine.connect() as other, other.begin():
        other.execute(sa.select(jobs).where(jobs.c.token == token).with_for_update())
        found = asked(served, token)
    causes = {"mariadb": "row locked", "postgresql": "row locked", "sqlite": "next"}
    assert found.cause == causes[other.dialect.name]
    if other.dialect.name == "postgresql":
        assert " locked by test, pid " in found.explanation, found
        assert found.remedy.startswith("SELECT pg_terminate_backend(")
    assert asked(served, token).cause == "next"
