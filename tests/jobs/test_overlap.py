"""A second action on a task: it waits, joins the first, or is refused."""

import threading

import pytest

from connector.db.engine import Database
from connector.jobs import outcomes, requests, submit
from connector.jobs.errors import JobError, TaskBusy
from connector.jobs.job import NewJob, Overlap
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs

JOIN, REFUSE = Overlap.JOIN, Overlap.REFUSE


def new(overlap: Overlap, *tasks: str, key: str | None = None, **parameters: str) -> NewJob:
    given = {"FetchAction": "Synchronize", "TaskSections": ",".join(tasks), **parameters}
    return NewJob(new_token(), "Test", given, tasks, key=key, overlap=overlap)


def store(kit: Jobs, *jobs: NewJob) -> list[str | JobError]:
    return kit.database.run(submit.submit, jobs)


def refused(told: list[str | JobError]) -> tuple[str, str]:
    (error,) = told
    assert isinstance(error, TaskBusy)
    return error.task, error.token


def test_by_default_a_second_one_is_stored_and_waits(kit: Jobs) -> None:
    first, second = new(Overlap.QUEUE, "A"), new(Overlap.QUEUE, "A")
    assert store(kit, first, second) == [first.token, second.token]


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_second_one_joins_what_waits_runs_or_is_paused(kit: Jobs, state: str) -> None:
    first = new(JOIN, "A", "B")
    assert store(kit, first) == [first.token]
    if state == "running":
        kit.claim(first.token)
    if state == "paused":
        kit.database.run(requests.pause, first.token, "test")
    second, refusing = new(JOIN, "B"), new(REFUSE, "B", "C")
    assert store(kit, second) == [first.token]
    assert refused(store(kit, refusing)) == ("B", first.token)
    other = new(REFUSE, "C")
    assert store(kit, other) == [other.token], "no task in common"


def test_what_has_ended_is_in_nobodys_way(kit: Jobs) -> None:
    first = new(JOIN, "A")
    store(kit, first)
    kit.database.run(outcomes.finish, kit.claim(first.token), {})
    for overlap in (REFUSE, JOIN):
        again = new(overlap, "A")
        assert store(kit, again) == [again.token]
        kit.database.run(requests.cancel, again.token, "test")


def test_one_that_is_to_stop_or_does_less_or_something_else_is_not_joined(kit: Jobs) -> None:
    stopping = new(JOIN, "A")
    store(kit, stopping)
    kit.claim(stopping.token)
    kit.database.run(requests.stop, stopping.token, "test")
    second = new(JOIN, "A")
    assert store(kit, second) == [second.token]
    more, otherwise = new(JOIN, "A", "B"), new(JOIN, "A", FetchAction="Other")
    assert store(kit, more, otherwise) == [more.token, otherwise.token]
    assert refused(store(kit, new(REFUSE, "A")))[1] == stopping.token


def test_names_that_are_part_of_others_or_differ_in_case_are_other_tasks(kit: Jobs) -> None:
    tasks = ["A_B", "AXB", "A", "a", "A_B_"]
    jobs = [new(REFUSE, task) for task in tasks]
    assert store(kit, *jobs) == [job.token for job in jobs]


def test_a_repeat_of_what_was_in_doubt_is_not_in_its_own_way(kit: Jobs) -> None:
    for overlap in (REFUSE, JOIN):
        job = new(overlap, overlap.upper())
        assert store(kit, job) == store(kit, job) == [job.token]


def test_a_key_stands_for_the_action_that_was_joined_also_when_that_has_ended(kit: Jobs) -> None:
    first = new(JOIN, "A")
    store(kit, first)
    assert store(kit, new(JOIN, "A", key="mine")) == [first.token]
    kit.database.run(requests.cancel, first.token, "test")
    assert store(kit, new(JOIN, "A", key="mine")) == [first.token]


@pytest.mark.parametrize("overlap", [JOIN, REFUSE])
def test_of_many_at_the_same_moment_one_is_stored(
    kit: Jobs, empty_url: str, overlap: Overlap
) -> None:
    begin = threading.Barrier(4)
    told: list[str | JobError] = []

    def one() -> None:
        database = Database(empty_url, application="test", patience=20)
        begin.wait(20)
        told.extend(database.run(submit.submit, [new(overlap, "A")]))
        database.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    tokens = {x.token if isinstance(x, TaskBusy) else x for x in told}
    assert len(told) == 4 and len(tokens) == 1
    assert sum(isinstance(x, str) for x in told) == (4 if overlap is JOIN else 1)
