"""The verbs of operators do the same through Python and through SQL, on every engine."""

import pytest
import sqlalchemy as sa

from connector.jobs import claim, outcomes, reading
from connector.jobs.states import FINAL, State
from connector.jobs.tables import drained_hosts, queues
from connector.jobs.token import new_token
from tests.jobs.conftest import WORKER, Jobs
from tests.jobs.ways import Functions, Python, Refused, Statements, Way

Moves = dict[State, tuple[State, str | None]]
"""State to the state and the request that a verb leaves; of others it changes nothing."""

VERBS: dict[str, Moves] = {
    "cancel_job": {
        State.QUEUED: (State.CANCELLED, None),
        State.PAUSED: (State.CANCELLED, None),
    },
    "stop_job": {
        State.QUEUED: (State.CANCELLED, None),
        State.PAUSED: (State.CANCELLED, None),
        State.RUNNING: (State.RUNNING, "stop"),
    },
    "pause_job": {
        State.QUEUED: (State.PAUSED, None),
        State.RUNNING: (State.RUNNING, "pause"),
    },
    "resume_job": {State.PAUSED: (State.QUEUED, None)},
    "retry_job": {
        State.FAILED: (State.QUEUED, None),
        State.STOPPED: (State.QUEUED, None),
        State.CANCELLED: (State.QUEUED, None),
    },
}

REFUSED = {
    "cancel_job": FINAL - {State.CANCELLED} | {State.RUNNING},
    "stop_job": {State.FINISHED, State.FAILED},
    "pause_job": FINAL,
    "resume_job": FINAL,
    "retry_job": {State.FINISHED},
}
"""States in which a way that refuses at all refuses the verb; in others repeating is harmless."""


@pytest.fixture(params=["python", "sql"])
def way(request: pytest.FixtureRequest, kit: Jobs) -> Way:
    if request.param == "python":
        return Python(kit.database)
    if kit.database.dialect.name == "postgresql":
        return Functions(kit.database)
    return Statements(kit.database)


def tried(way: Way, verb: str, **given: object) -> bool:
    """Use a verb, and say whether it was refused."""
    try:
        way(verb, **given)
    except Refused:
        return True
    return False


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_moves_what_it_may_once_and_leaves_all_else_alone(
    kit: Jobs, way: Way, verb: str
) -> None:
    for state in State:
        token, _ = kit.in_state(state)
        before, told = kit.row(token), len(kit.events(token))
        refused = tried(way, verb, token=token)
        after = kit.row(token)
        if state in VERBS[verb]:
            assert (after["state"], after["requested"]) == VERBS[verb][state]
            assert (after["ended_at"] is None) == (after["state"] not in FINAL)
            trail = kit.database.read(reading.trail, token)
            assert len(trail) == told + 1 and way.actor in trail[-1].actor
            if after["requested"]:
                assert after["requested_by"] == way.actor or way.actor in trail[-1].actor
                assert after["requested_reason"] == "why not" and after["requested_at"]
            tried(way, verb, token=token)
            assert kit.row(token)["changed_by"] == after["changed_by"], "twice is once"
            assert len(kit.events(token)) == told + 1, "twice is once"
        else:
            assert after == before and len(kit.events(token)) == told
        if not isinstance(way, Statements):
            assert refused == (state in REFUSED[verb]), state


def test_a_stop_overrides_a_pause_and_a_pause_no_stop(kit: Jobs, way: Way) -> None:
    run = kit.running()
    way("pause_job", token=run.token)
    way("stop_job", token=run.token)
    tried(way, "pause_job", token=run.token)
    tried(way, "resume_job", token=run.token)
    assert kit.job(run.token).requested == "stop"
    assert kit.database.run(outcomes.finish, run, {}) is State.STOPPED


def test_a_pause_that_was_asked_for_can_be_taken_back(kit: Jobs, way: Way) -> None:
    run = kit.running()
    way("pause_job", token=run.token)
    way("resume_job", token=run.token)
    row = kit.row(run.token)
    assert [row[f"requested{part}"] for part in ("", "_at", "_by", "_reason")] == [None] * 4
    assert kit.database.run(outcomes.release, run, "shutdown") is State.QUEUED


def test_a_retry_forgets_what_went_wrong_and_runs_again(kit: Jobs, way: Way) -> None:
    run = kit.running()
    kit.database.run(outcomes.fail, run, "broken")
    way("retry_job", token=run.token)
    row = kit.row(run.token)
    assert [row[name] for name in ("error", "result", "ended_at", "worker_id")] == [None] * 4
    assert (row["failures"], row["attempt"]) == (0, 1)
    assert kit.claim(run.token).attempt == 2


def test_a_priority_moves_what_has_not_ended_by_its_worth(kit: Jobs, way: Way) -> None:
    kit.register(WORKER)
    first, second = kit.submit(), kit.submit()
    before = kit.row(second)
    for _ in range(2):
        way("prioritise_job", token=second, priority=5)
    after = kit.row(second)
    assert after["priority"] == 5 and before["rank"] - after["rank"] == 5 * 60_000_000  # type: ignore[operator]
    assert len(kit.events(second)) == 1
    runs = kit.database.run(claim.claim, "Test", WORKER, 10)
    assert [run.token for run in runs] == [second, first]
    ended, _ = kit.in_state(State.FINISHED)
    before = kit.row(ended)
    assert tried(way, "prioritise_job", token=ended, priority=1) or isinstance(way, Statements)
    assert kit.row(ended) == before


def test_stopping_a_queue_asks_all_that_run(kit: Jobs, way: Way) -> None:
    running, waiting = {kit.running().token for _ in range(3)}, kit.submit()
    other = kit.claim(kit.submit("Other")).token
    for _ in range(2):
        way("stop_queue", queue="Test")
    assert all(kit.events(token) == kit.events(token)[:1] for token in running)
    assert {kit.job(token).requested for token in running} == {"stop"}
    assert kit.job(waiting).state is State.QUEUED and kit.job(other).requested is None


def test_a_queue_is_paused_limited_and_resumed(kit: Jobs, way: Way) -> None:
    kit.register(WORKER)
    kit.submit()

    def row() -> sa.Row[tuple[object, ...]]:
        return kit.database.read(lambda tx: tx.execute(sa.select(queues)).one())

    way("pause_queue", queue="Test")
    assert row().paused is True and way.actor in row().changed_by and row().reason == "why not"
    assert kit.database.run(claim.claim, "Test", WORKER, 1) == []
    way("resume_queue", queue="Test")
    way("limit_queue", queue="Test", most=3)
    assert (row().paused, row().max_running) == (False, 3)
    way("limit_queue", queue="Test", most=None)
    assert row().max_running is None
    assert len(kit.database.run(claim.claim, "Test", WORKER, 1)) == 1


def test_a_host_is_drained_and_undrained(kit: Jobs, way: Way) -> None:
    kit.register(WORKER)
    kit.submit()
    way("drain_host", host="host")
    row = kit.database.read(lambda tx: tx.execute(sa.select(drained_hosts)).one())
    assert row.host == "host" and way.actor in row.drained_by and row.reason == "why not"
    assert kit.database.run(claim.claim, "Test", WORKER, 1) == []
    way("undrain_host", host="host")
    assert len(kit.database.run(claim.claim, "Test", WORKER, 1)) == 1


def test_what_is_not_there_is_refused_by_name(kit: Jobs, way: Way) -> None:
    if isinstance(way, Statements):
        return  # a statement changes no row, and says so
    for verb in VERBS:
        with pytest.raises(Refused, match="no action has the token"):
            way(verb, token=new_token())
    with pytest.raises(Refused, match="there is no queue Nowhere"):
        way("pause_queue", queue="Nowhere")
    kit.register(WORKER)
    with pytest.raises(Refused, match="a limit is 1 or more, not 0"):
        way("limit_queue", queue="Test", most=0)
