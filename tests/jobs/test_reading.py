"""Looking at jobs, and the tokens they are looked up by."""

import re
import threading

import sqlalchemy as sa

from connector.jobs import outcomes, progress, reading, submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs


def test_jobs_are_found_by_token_and_unknown_tokens_left_out(kit: Jobs) -> None:
    tokens = [kit.submit() for _ in range(3)]
    found = kit.database.read(reading.get, [*tokens, new_token()])
    assert found.keys() == set(tokens)
    assert kit.database.read(reading.get, [tokens[0].upper()]).keys() == {tokens[0]}
    assert kit.database.read(reading.get, []) == {}


def test_any_number_of_jobs_is_stored_at_once(kit: Jobs) -> None:
    new = [NewJob(new_token(), "Test", {}) for _ in range(16_000)]  # 250,000 values and more
    kit.database.run(submit.submit, new)
    count = sa.select(sa.func.count()).select_from(jobs)
    assert kit.database.read(lambda tx: tx.execute(count).scalar()) == len(new)


def test_a_queue_is_read_page_by_page_newest_first(kit: Jobs) -> None:
    tokens = [kit.submit() for _ in range(5)]
    kit.submit("Other")
    pages: list[list[str]] = []
    last = None
    while page := kit.database.read(reading.page, "Test", before=last, limit=2):
        pages.append([job.token for job in page])
        last = page[-1].token
    assert sum(pages, []) == tokens[::-1]
    assert [len(page) for page in pages] == [2, 2, 1]


def test_what_is_open_is_counted_by_queue_and_state(kit: Jobs) -> None:
    for state in State:
        kit.in_state(state)
    kit.submit("Other")
    counted = kit.database.read(reading.open_counts)
    # Bringing one into a later state claimed the one that waited before it.
    assert sum(counted.values()) == 4
    assert counted["Other", State.QUEUED] == 1 and counted["Test", State.PAUSED] == 1
    assert {state for _, state in counted} <= {State.QUEUED, State.RUNNING, State.PAUSED}


def test_a_job_read_shows_how_far_it_is_and_what_came_of_it(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(progress.save, run, progress={"rooms": 3}, checkpoint={"at": 1})
    assert kit.job(run.token).progress == {"rooms": 3} and not kit.job(run.token).final
    result = {"documents": {"count": 7, "names": ["ä", "𝄞"]}}
    kit.database.run(outcomes.finish, run, result)
    job = kit.job(run.token)
    assert job.final and job.result == result and job.error is None
    assert job.started_at is not None and job.ended_at is not None
    assert job.queued_at <= job.started_at <= job.ended_at
    assert "documents" not in repr(job), "what was found stays out of logs"


def test_tokens_are_uuids_of_version_7_and_follow_each_other() -> None:
    made: list[list[str]] = []

    def make() -> None:
        made.append([new_token() for _ in range(5000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tokens in made:
        assert tokens == sorted(tokens)
    every = [token for tokens in made for token in tokens]
    assert len(set(every)) == len(every) == 20_000
    form = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(form.fullmatch(token) for token in every)
