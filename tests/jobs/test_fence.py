"""The fence: a write about a run counts only from the attempt that holds the job."""

import pytest

from connector.jobs import outcomes, progress, requests
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests.jobs.conftest import ENDS, OTHER, Jobs


@pytest.mark.parametrize("asked", [False, True], ids=["undisturbed", "stop asked"])
def test_a_repeat_of_the_same_write_is_not_a_lost_lease(kit: Jobs, asked: bool) -> None:
    """So it is when the answer to a commit was lost, and the worker writes again."""
    for verb in ENDS.keys() - {"lose"}:  # a rescuer does not insist: the next rescue looks again
        run = kit.running()
        if asked:
            kit.database.run(requests.stop, token=run.token, by="client")
        reached = kit.database.run(ENDS[verb][0], run)
        before, events = kit.row(run.token), kit.events(run.token)
        assert kit.database.run(ENDS[verb][0], run) is reached
        assert (kit.row(run.token), kit.events(run.token)) == (before, events)


def test_a_write_after_another_one_is_refused_even_if_it_wants_the_same(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.release, run, "shutdown")
    with pytest.raises(LeaseLost):
        kit.database.run(outcomes.retry, run, "not yet", 0.0, 3)
    assert kit.job(run.token).failures == 0


def test_a_refused_write_is_in_the_trail(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(outcomes.release, run, "shutdown")
    kit.database.run(outcomes.refused, run, "finish")
    assert kit.events(run.token) == ["release", "fenced"]
    kit.database.run(outcomes.refused, run._replace(token=new_token()), "finish")


def test_a_late_write_of_an_earlier_attempt_is_refused(kit: Jobs, verb: str) -> None:
    first = kit.running()
    kit.database.run(outcomes.release, first, "handed back")
    second = kit.claim(first.token)
    assert (second.attempt, second.worker_id) == (first.attempt + 1, first.worker_id)
    before = kit.row(first.token)
    with pytest.raises(LeaseLost):
        kit.database.run(ENDS[verb][0], first)
    with pytest.raises(LeaseLost):
        kit.database.run(progress.save, first, progress={"late": 1}, checkpoint={"late": 1})
    assert kit.row(first.token) == before
    assert kit.job(first.token).progress is None
    assert kit.database.run(outcomes.finish, second, {}) is State.FINISHED


def test_a_write_of_another_worker_is_refused(kit: Jobs, verb: str) -> None:
    run = kit.running()
    stranger = Run(run.token, run.attempt, OTHER, run.queue, {})
    with pytest.raises(LeaseLost):
        kit.database.run(ENDS[verb][0], stranger)
    assert kit.state(run.token) is State.RUNNING
