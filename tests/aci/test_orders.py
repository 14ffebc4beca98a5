"""The orders of lists: by arrival, by start and by end, both ways, whole and in pages."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.aci import listing, orders
from connector.db.engine import Database
from connector.jobs import selection, submit
from connector.jobs.job import Job, NewJob
from connector.jobs.reading import get
from connector.jobs.states import FINAL, State
from connector.jobs.tables import jobs
from connector.jobs.token import first_at, new_token
from tests.aci.queueing import in_state, listed, refused, running
from tests.aci.serving import Face

BEGUN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (listing, "PAGE", 3),
        (selection, "WINDOW", 5),
        (selection, "FEW", 4),
        (orders, "STEP", 4),
        (orders, "HELD_FIRST", 2),
        (orders, "HELD", 6),
        (selection, "CLOCKS", timedelta(0)),
    ):
        monkeypatch.setattr(module, name, value)


def stored_at(face: Face, moment: datetime, queue: str = "Echo") -> str:
    """Store an action whose token is that of a moment."""
    token = first_at(moment)[:14] + new_token()[14:]
    face.database.run_at(moment, submit.submit, [NewJob(token, queue, {"To": "you"})])
    return token


def by_hand(database: Database, token: str, **values: object) -> None:
    change = sa.update(jobs).where(jobs.c.token == token).values(changed_by="test", **values)
    database.run(lambda tx: tx.execute(change))


@pytest.fixture
def many(face: Face) -> list[Job]:
    """Actions in all states, whose starts and ends are in other orders than their arrival."""
    chance = random.Random(7)
    tokens = []
    for number in range(26):
        queue = "Other" if number % 9 == 8 else "Echo"
        stored = BEGUN + timedelta(minutes=number)
        token = stored_at(face, stored, queue)
        tokens.append(token)
        kind = number % 5
        if kind == 0:
            continue  # it waits
        began = stored + timedelta(minutes=chance.randrange(15))
        by_hand(face.database, token, state="running", attempt=1, started_at=began)
        if kind == 1:
            continue
        ended = began + timedelta(minutes=chance.randrange(20))
        state = ("finished", "failed", "stopped")[kind - 2]
        by_hand(face.database, token, state=state, ended_at=ended)
    found: dict[str, Job] = face.database.read(get, tokens)
    return [job for job in found.values() if job.queue == "Echo"]


def expected(many: list[Job], by: str, descending: bool) -> list[str]:
    """Return tokens in order; those without a time last, by token."""

    def time(job: Job) -> datetime | None:
        return job.started_at if by == "start-time" else job.ended_at

    timed = sorted(((time(j), j.token) for j in many if time(j)), reverse=descending)
    others = sorted((j.token for j in many if not time(j)), reverse=descending)
    return [token for _, token in timed] + others


@pytest.fixture(params=["ascending", "descending"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


@pytest.mark.parametrize("by", ["start-time", "finish-time"])
def test_actions_come_by_their_time_and_those_without_one_last(
    face: Face, many: list[Job], by: str, way: str
) -> None:
    wanted = expected(many, by, way == "descending")
    given = {"Sort_By": by, "Sort_Order": way}
    assert listed(face, **given) == wanted
    assert listed(face, MaxResults="4", **given) == wanted[:4]
    assert listed(face, MaxResults="9", **given) == wanted[:9]
    seen: list[str] = []
    while page := listed(face, MaxResults="4", After=seen[-1] if seen else "", **given):
        seen += page
        assert len(seen) <= len(wanted)
    assert seen == wanted
    ended = [j for j in many if j.state in (State.FINISHED, State.STOPPED)]
    chosen = listed(face, State="Finished,Stopped", **given)
    assert chosen == expected(ended, by, way == "descending")


def test_arrival_is_gone_through_both_ways_without_a_bound(
    face: Face, many: list[Job], way: str
) -> None:
    wanted = sorted((job.token for job in many), reverse=way == "descending")
    assert listed(face, Sort_Order=way) == wanted
    assert listed(face, Sort_Order=way, After=wanted[4]) == wanted[5:]
    assert listed(face, Sort_Order=way, After=wanted[4], MaxResults="3") == wanted[5:8]
    over = [t for t in wanted if any(j.token == t and j.state in FINAL for j in many)]
    assert listed(face, Sort_Order=way, State="completed") == over


def test_many_that_overlap_are_put_in_order_in_several_rounds(face: Face, way: str) -> None:
    tokens = []
    for number in range(20):
        token = stored_at(face, BEGUN + timedelta(seconds=number))
        began = BEGUN + timedelta(hours=1, minutes=-number)
        ended = BEGUN + timedelta(hours=2, minutes=number * 7 % 20)
        by_hand(face.database, token, state="running", attempt=1, started_at=began)
        by_hand(face.database, token, state="finished", ended_at=ended)
        tokens.append(token)
    wanted = tokens if way == "descending" else tokens[::-1]
    assert listed(face, Sort_By="start-time", Sort_Order=way) == wanted
    assert listed(face, Sort_By="start-time", Sort_Order=way, MaxResults="15") == wanted[:15]


@pytest.mark.parametrize("by", ["start-time", "finish-time"])
def test_equal_times_come_by_token(face: Face, by: str, way: str) -> None:
    tokens = [stored_at(face, BEGUN + timedelta(seconds=number)) for number in range(14)]
    for token in tokens:
        by_hand(face.database, token, state="running", attempt=1, started_at=BEGUN)
        by_hand(face.database, token, state="finished", ended_at=BEGUN)
    wanted = sorted(tokens, reverse=way == "descending")
    given = {"Sort_By": by, "Sort_Order": way}
    assert listed(face, **given) == wanted
    assert listed(face, After=wanted[6], MaxResults="3", **given) == wanted[7:10]


def test_one_that_waits_for_another_try_has_no_start_to_be_sorted_by(face: Face, way: str) -> None:
    began = [in_state(face, State.FINISHED) for _ in range(2)]
    again = in_state(face, State.FAILED)
    face.get(f"/action=QueueInfo&QueueName=Echo&QueueAction=Retry&Token={again}")
    wanted = began if way == "ascending" else began[::-1]
    assert listed(face, Sort_By="start-time", Sort_Order=way) == [*wanted, again]


def test_a_filter_by_time_narrows_what_is_gone_through(face: Face, many: list[Job]) -> None:
    over = sorted((j for j in many if j.ended_at), key=lambda j: (str(j.ended_at), j.token))
    since, until = over[3].ended_at, over[-3].ended_at
    assert since and until
    given = {"Finished_After": f"{since:%Y-%m-%d %H:%M:%S} GMT", "Sort_By": "finish-time"}
    given["Finished_Before"] = f"{until:%Y-%m-%d %H:%M:%S} GMT"
    inside = [j.token for j in over if j.ended_at and since <= j.ended_at <= until]
    assert listed(face, Sort_Order="ascending", **given) == inside
    assert listed(face, Sort_Order="descending", **given) == inside[::-1]


def test_to_go_on_behind_an_unknown_action_is_refused_where_its_time_would_be_needed(
    face: Face,
) -> None:
    token = new_token()
    for by in ("start-time", "finish-time"):
        code, sentence = refused(face, "GetStatus", Sort_By=by, After=token)
        assert code == "ERRORTOKENUNKNOWN" and token in sentence and "After" in sentence
    assert listed(face, After=token) == []


def test_one_that_runs_comes_by_its_start_and_has_no_end(face: Face, way: str) -> None:
    over, waits = in_state(face, State.FINISHED), None
    runs = face.token()
    running(face)
    waits = face.token()
    began = [over, runs] if way == "ascending" else [runs, over]
    assert listed(face, Sort_By="start-time", Sort_Order=way) == [*began, waits]
    others = [runs, waits] if way == "ascending" else [waits, runs]
    assert listed(face, Sort_By="finish-time", Sort_Order=way) == [over, *others]
