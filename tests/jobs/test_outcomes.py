"""How an attempt ends: every verb over every state, and what was asked for meanwhile."""

import pytest

from connector.jobs import claim, outcomes, progress, requests, waiting
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from tests.jobs.conftest import ENDS, WORKER, Jobs


def test_only_a_running_job_can_end(kit: Jobs, verb: str) -> None:
    end, target = ENDS[verb]
    own = {State.FINISHED: "finish", State.FAILED: "fail", State.STOPPED: "stop"}
    for state in State:
        token, run = kit.in_state(state)
        if state is State.RUNNING:
            assert run is not None
            assert kit.database.run(end, run) is target
            assert kit.state(token) is target
            continue
        run = run or Run(token, 1, WORKER, "Test", {})
        before = kit.row(token)
        if own.get(state) == verb:
            assert kit.database.run(end, run) is state, "repeating a write in doubt is harmless"
        else:
            with pytest.raises(LeaseLost):
                kit.database.run(end, run)
        assert kit.row(token) == before, f"{verb} changed a job that was {state}"


def test_a_stop_that_was_asked_for_wins(kit: Jobs, verb: str) -> None:
    run = kit.running()
    assert kit.database.run(requests.stop, token=run.token, by="client") is State.RUNNING
    assert kit.database.run(ENDS[verb][0], run) is State.STOPPED
    job = kit.job(run.token)
    assert job.state is State.STOPPED and job.ended_at is not None
    assert job.result == ({"a": 1} if verb == "finish" else None), "results are kept"
    events = kit.events(run.token)
    assert events.count("stop") == 1 and events[0] == "stop requested"


def test_a_pause_that_was_asked_for_is_honoured_by_what_would_queue(kit: Jobs, verb: str) -> None:
    run = kit.running()
    kit.by_hand(run.token, requested="pause", changed_by="test")
    target = ENDS[verb][1]
    wanted = State.PAUSED if target is State.QUEUED else target
    assert kit.database.run(ENDS[verb][0], run) is wanted
    row = kit.row(run.token)
    assert row["state"] == wanted
    assert row["attempt"] == run.attempt
    if wanted is State.PAUSED:
        assert row["requested"] is None, "it was honoured: the next attempt is not asked"
        assert row["worker_id"] is None and row["ended_at"] is None


def test_the_last_try_fails_also_when_a_pause_was_asked_for(kit: Jobs) -> None:
    run = kit.running()
    kit.by_hand(run.token, requested="pause", changed_by="test")
    assert kit.database.run(outcomes.retry, run, "no", 0.0, 1) is State.FAILED


def test_what_a_failed_or_tried_job_has_to_say_is_kept_when_it_is_stopped(kit: Jobs) -> None:
    failed, tried = kit.running(), kit.running()
    for run in (failed, tried):
        kit.database.run(requests.stop, token=run.token, by="client")
    kit.database.run(outcomes.fail, failed, "broken", {"done": 3})
    kit.database.run(outcomes.retry, tried, "not yet", 0.0, 3)
    job = kit.job(failed.token)
    assert (job.state, job.error, job.result) == (State.STOPPED, "broken", {"done": 3})
    assert kit.job(tried.token).failures == 1
    assert kit.row(failed.token)["worker_id"] == WORKER, "who ran it last stays known"


def test_tries_are_counted_and_bounded(kit: Jobs) -> None:
    token = kit.submit()
    for tried in (1, 2, 3):
        run = kit.claim(token)
        assert (run.attempt, run.failures) == (tried, tried - 1)
        kit.database.run(outcomes.retry, run, "no", 0.0, 3)
    job = kit.job(token)
    assert (job.state, job.failures, job.attempt) == (State.FAILED, 3, 3)
    assert job.error is not None and "tried 3 times" in job.error


def test_what_is_handed_back_costs_no_failure(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.release, run, "shutdown")
    run = kit.claim(run.token)
    kit.database.run(outcomes.lose, run, "host gone", "rescuer")
    job = kit.job(run.token)
    assert (job.failures, job.losses, job.attempt) == (0, 1, 2)
    assert kit.events(run.token) == ["release", "release"]


def test_what_waits_again_at_once_keeps_its_place(kit: Jobs) -> None:
    first, second = kit.running(), kit.submit()
    before = kit.row(first.token)
    kit.database.run(outcomes.retry, first, "no", 0.0, 3)
    row = kit.row(first.token)
    assert (row["rank"], row["run_at"]) == (before["rank"], before["run_at"])
    assert row["worker_id"] is None and row["ended_at"] is None
    with kit.alive():
        runs = kit.database.run(claim.claim, "Test", WORKER, 2)
    assert [run.token for run in runs] == [first.token, second]


def test_a_retry_waits_for_its_pause(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.retry, run, "no", 3600.0, 3)
    job = kit.job(run.token)
    assert 3500 < (job.run_at - job.queued_at).total_seconds() < 3700
    assert kit.database.read(waiting.due, ["Test"])["Test"].seconds > 3500, "nobody looks before"
    with pytest.raises(StopIteration):
        kit.claim(run.token)


def test_an_error_text_is_kept_within_bounds(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.fail, run, "x\0" * 100_000)
    error = kit.job(run.token).error
    assert error is not None and len(error) <= 8000 and "\0" not in error


def test_progress_and_checkpoint_survive_and_are_given_to_the_next(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(progress.save, run, progress={"done": 1})
    kit.database.run(progress.save, run, checkpoint={"at": 7})
    assert kit.job(run.token).progress == {"done": 1}
    kit.database.run(outcomes.retry, run, "no", 0.0, 3)
    assert kit.claim(run.token).checkpoint == {"at": 7}


def test_many_that_end_together_keep_each_its_own_result(kit: Jobs) -> None:
    runs = [kit.running() for _ in range(3)]
    ended: list[tuple[Run, dict[str, object]]] = [
        (run, {"number": number, "text": "it's %s {}"}) for number, run in enumerate(runs)
    ]
    done = kit.database.run_alone(outcomes.finish_all, ended)
    assert done == {run.token for run in runs}
    assert [kit.job(run.token).result for run in runs] == [result for _, result in ended]


def test_an_attempt_of_any_number_ends_together_with_others(kit: Jobs) -> None:
    tokens = [kit.submit() for _ in range(2)]
    kit.by_hand(tokens[0], attempt=2**31, changed_by="test")
    with kit.alive():
        runs = kit.database.run(claim.claim, "Test", WORKER, 2)
    ended: list[tuple[Run, dict[str, object]]] = [(run, {}) for run in runs]
    assert kit.database.run_alone(outcomes.finish_all, ended) == set(tokens)
