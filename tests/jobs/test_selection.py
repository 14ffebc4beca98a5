"""Choosing jobs: what is chosen, in which order, and in reads that stay short."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connector.db.engine import Database
from connector.jobs import outcomes, reading, requests, selection
from connector.jobs.job import Job
from connector.jobs.selection import Selection
from connector.jobs.states import State
from tests.jobs.conftest import Jobs


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "WINDOW", 7)


@pytest.fixture(params=[3, 1000], ids=["through windows", "by states"])
def many(kit: Jobs, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Thirty jobs of two queues in all states but paused, newest first."""
    monkeypatch.setattr(selection, "FEW", request.param)
    chance = random.Random(1)
    tokens = []
    for number in range(30):
        queue = "Test" if number % 3 else "Other"
        token = kit.submit(queue, priority=number % 5)
        tokens.append(token)
        match chance.randrange(4):
            case 0:
                kit.database.run(requests.cancel, token, "test")
            case 1:
                kit.database.run(outcomes.finish, kit.claim(token), {"n": "x" * number})
            case 2:
                kit.claim(token)
    found = kit.database.read(reading.get, tokens)
    return [found[token] for token in reversed(tokens)]


def chosen(
    database: Database,
    which: Selection,
    limit: int,
    after: str | None = None,
    ascending: bool = False,
) -> list[str]:
    return [token for page in pages(database, which, limit, after, ascending) for token in page]


def pages(
    database: Database,
    which: Selection,
    limit: int,
    after: str | None = None,
    ascending: bool = False,
) -> Iterator[list[str]]:
    rest: selection.Rest | None = database.read(selection.start, which, after, ascending)
    while rest is not None:
        found = database.read(selection.read, which, rest, limit)
        assert len(found.rows) <= limit
        yield [row.token for row in found.rows]
        rest = found.rest


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_all_jobs_of_a_queue_come_once_and_newest_first(
    kit: Jobs, many: list[Job], limit: int
) -> None:
    wanted = [job.token for job in many if job.queue == "Test"]
    assert chosen(kit.database, Selection("Test"), limit) == wanted
    assert chosen(kit.database, Selection("Test"), limit, after=wanted[3]) == wanted[4:]
    assert chosen(kit.database, Selection("Nothing"), limit) == []
    upwards = wanted[::-1]
    assert chosen(kit.database, Selection("Test"), limit, ascending=True) == upwards
    assert chosen(kit.database, Selection("Test"), limit, upwards[3], True) == upwards[4:]
    assert chosen(kit.database, Selection("Nothing"), limit, ascending=True) == []


@pytest.mark.parametrize(
    "states", [{State.FINISHED}, {State.QUEUED, State.CANCELLED}, {State.PAUSED}, {State.RUNNING}]
)
def test_states_choose(kit: Jobs, many: list[Job], states: set[State]) -> None:
    wanted = [job.token for job in many if job.queue == "Test" and job.state in states]
    which = Selection("Test", frozenset(states))
    for limit in (2, 100):
        assert chosen(kit.database, which, limit) == wanted
        assert chosen(kit.database, which, limit, ascending=True) == wanted[::-1]
        if wanted:
            assert chosen(kit.database, which, limit, after=wanted[0]) == wanted[1:]


def test_times_and_priorities_choose(kit: Jobs, many: list[Job]) -> None:
    mine = [job for job in many if job.queue == "Test"]
    early, late = mine[-3].queued_at, mine[3].queued_at
    which = Selection("Test", queued=(early, late))
    assert chosen(kit.database, which, 4) == [j.token for j in mine if early <= j.queued_at <= late]
    begun = [job for job in mine if job.started_at]
    which = Selection("Test", started=(begun[2].started_at, None))
    wanted = [j.token for j in begun if (j.started_at or early) >= (begun[2].started_at or early)]
    assert chosen(kit.database, which, 4) == wanted
    over = [job for job in mine if job.ended_at]
    which = Selection("Test", ended=(None, over[1].ended_at))
    wanted = [j.token for j in over if (j.ended_at or late) <= (over[1].ended_at or late)]
    assert chosen(kit.database, which, 4) == wanted
    which = Selection("Test", priorities=(1, 2))
    assert chosen(kit.database, which, 4) == [j.token for j in mine if j.priority in (1, 2)]


def test_nothing_is_looked_at_beyond_the_time_that_was_given(kit: Jobs, many: list[Job]) -> None:
    long_ago = many[0].queued_at - timedelta(days=2)
    assert list(pages(kit.database, Selection("Test", queued=(None, long_ago)), 5)) == [[]]
    soon = many[0].queued_at + timedelta(days=2)
    assert list(pages(kit.database, Selection("Test", queued=(soon, None)), 5)) == [[]]
    for span in ((None, long_ago), (soon, None)):
        upwards = pages(kit.database, Selection("Test", queued=span), 5, ascending=True)
        assert list(upwards) == [[]]


@pytest.mark.parametrize("ascending", [True, False])
def test_the_first_and_last_moments_there_are_bound_nothing(
    kit: Jobs, many: list[Job], ascending: bool
) -> None:
    wanted = sorted((j.token for j in many if j.queue == "Test"), reverse=not ascending)
    ever = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    which = Selection("Test", queued=ever)
    assert chosen(kit.database, which, 100, ascending=ascending) == wanted


def test_what_arrives_while_the_oldest_come_first_is_not_waited_for(
    kit: Jobs, many: list[Job]
) -> None:
    wanted = [job.token for job in reversed(many) if job.queue == "Test"]
    seen = []
    for page in pages(kit.database, Selection("Test"), 3, ascending=True):
        seen += page
        kit.submit("Test")
        kit.submit("Test")
    assert seen == wanted


def test_rows_tell_how_long_their_results_are(kit: Jobs, many: list[Job]) -> None:
    sizes: dict[str, int] = {}
    rest: selection.Rest | None = kit.database.read(selection.start, which := Selection("Test"))
    while rest is not None:
        found = kit.database.read(selection.read, which, rest, 100)
        sizes |= {row.token: row.size for row in found.rows}
        rest = found.rest
    finished = [job for job in many if job.token in sizes and job.result is not None]
    assert finished
    for job in finished:
        assert job.result is not None
        assert len(job.result["n"]) < sizes[job.token] < len(job.result["n"]) + 20
    assert all(sizes[job.token] == 0 for job in many if job.token in sizes and not job.result)


def test_new_jobs_do_not_disturb_one_who_pages(kit: Jobs, many: list[Job]) -> None:
    wanted = [job.token for job in many if job.queue == "Test"]
    seen = []
    for page in pages(kit.database, Selection("Test"), 3):
        seen += page
        kit.submit("Test")
    assert seen == wanted
