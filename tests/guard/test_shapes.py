"""Every statement of an action's life finds its rows by the index that is meant for it.

Asked of PostgreSQL while its statistics know of much that waits and has ended and of nothing that
runs, as they do until autovacuum comes by; for the values that are sent, and for any.
What a claim, a count and a rescue read is measured in tests/jobs/test_plans.py and its neighbours.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from connector.db.engine import Database, Tx
from connector.jobs import claim, outcomes, progress, reading, submit, waiting, workers
from connector.jobs.job import NewJob, Run
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests.guard.conftest import fresh
from tests.guard.shapes import Shapes
from tests.jobs.conftest import WORKER, Jobs
from tests.jobs.test_plans import fill
from tests.postgresql_server import Server

pytestmark = pytest.mark.xdist_group("guard")

MANY_WORKERS = """
INSERT INTO workers SELECT (jsonb_populate_record(w, jsonb_build_object('id', gen_random_uuid()))).*
FROM workers w, generate_series(1, 2000)
"""
MUCH_TOLD = """
INSERT INTO job_progress (token, attempt, updated_at) SELECT token, 1, now() FROM jobs;
INSERT INTO job_events (token, at, event, actor) SELECT token, now(), 'fenced', 'x' FROM jobs;
"""

Work = Callable[[Tx, list[Run]], object]

BY_KEY, BY_PLACE = "Index Scan jobs_pkey", "Tid Scan jobs"
OPEN = "Index Scan jobs_open"
CLAIM = [["Nested Loop", "Nested Loop", "Index Scan workers_pkey", OPEN, BY_PLACE]]
WITH_PROGRESS = [["Nested Loop", BY_KEY, "Index Scan job_progress_pkey"]]


def _unlike(runs: list[Run]) -> list[tuple[Run, dict[str, int]]]:
    return [(run, {"number": number}) for number, run in enumerate(runs)]


def _alike(runs: list[Run]) -> list[tuple[Run, dict[str, int]]]:
    return [(run, {}) for run in runs]


def _new(count: int) -> list[NewJob]:
    return [NewJob(new_token(), "Test", {}) for _ in range(count)]


STATEMENTS: dict[str, tuple[Work, list[list[str]]]] = {
    "store": (lambda tx, runs: submit.submit(tx, _new(100)), []),
    "look what is due": (
        lambda tx, runs: waiting.due(tx, ["Test"]),
        [["Index Only Scan jobs_open"]],
    ),
    "claim many": (lambda tx, runs: claim.claim(tx, "Test", WORKER, 500), CLAIM),
    "claim one": (lambda tx, runs: claim.claim(tx, "Test", WORKER, 1), CLAIM),
    "claim behind a place": (
        lambda tx, runs: claim.claim(tx, "Test", WORKER, 500, since=(runs[-1].rank, new_token())),
        CLAIM,
    ),
    "claim at a rank": (
        lambda tx, runs: claim.claim(tx, "Test", WORKER, 500, at=runs[0].rank),
        CLAIM,
    ),
    "record many alike": (lambda tx, runs: outcomes.finish_all(tx, _alike(runs)), [[BY_KEY]]),
    "record many unlike": (lambda tx, runs: outcomes.finish_all(tx, _unlike(runs)), [[BY_KEY]]),
    "record what nobody has locked": (
        lambda tx, runs: outcomes.finish_all(tx, _unlike(runs), True),
        [[BY_KEY, BY_PLACE]],
    ),
    "record one": (lambda tx, runs: outcomes.finish(tx, runs[0], {}), [[BY_KEY]]),
    "save progress": (
        lambda tx, runs: progress.save(tx, runs[0], progress={"a": 1}),
        [[BY_KEY], ["Index Scan job_progress_pkey"]],
    ),
    "renew the lease": (lambda tx, runs: workers.beat(tx, WORKER), [["Index Scan workers_pkey"]]),
    "look what was asked": (lambda tx, runs: progress.held(tx, WORKER, runs), [[OPEN]]),
    "status of one": (lambda tx, runs: reading.get(tx, [runs[0].token]), WITH_PROGRESS),
    "status of some": (
        lambda tx, runs: reading.get(tx, [run.token for run in runs[:10]]),
        WITH_PROGRESS,
    ),
    "states": (lambda tx, runs: reading.states(tx, [run.token for run in runs]), [[BY_KEY]]),
    "trail": (lambda tx, runs: reading.trail(tx, runs[0].token), [["Index Scan job_events_token"]]),
    "first page": (lambda tx, runs: reading.page(tx, "Test", limit=20), WITH_PROGRESS),
    "a later page": (
        lambda tx, runs: reading.page(tx, "Test", before=runs[0].token, limit=20),
        WITH_PROGRESS,
    ),
}


@pytest.fixture(scope="module")
def crowded(quiet_server: Server) -> Iterator[tuple[Database, list[Run]]]:
    """A database with much in it, and runs of which its statistics do not know."""
    with fresh(quiet_server) as database:
        kit = Jobs(database)
        kit.register(WORKER)
        fill(kit, (State.RUNNING, State.FINISHED))
        fill(kit)
        url = database.engine.url.set(drivername="postgresql")
        options = f"-c search_path={database.schema}"
        text = url.render_as_string(hide_password=False)
        with psycopg.connect(text, autocommit=True, options=options) as connection:
            connection.execute(MANY_WORKERS)
            connection.execute(MUCH_TOLD)
            connection.execute("VACUUM ANALYZE")
        runs: list[Run] = database.run_alone(claim.claim, "Test", WORKER, 500)
        yield database, runs


@pytest.mark.parametrize("generic", [False, True], ids=["for these values", "for any"])
@pytest.mark.parametrize("statement", list(STATEMENTS))
def test_rows_are_found_by_their_index(
    crowded: tuple[Database, list[Run]], statement: str, generic: bool
) -> None:
    database, runs = crowded
    if generic and (database.engine.dialect.server_version_info or ()) < (16,):
        pytest.skip("EXPLAIN knows GENERIC_PLAN since PostgreSQL 16")
    work, expected = STATEMENTS[statement]
    assert Shapes(database, generic=generic).of(_of(work, runs)) == expected


def _of(work: Work, runs: list[Run]) -> Callable[[Tx], Any]:
    return lambda tx: work(tx, runs)
