"""A run that was killed at any point goes on, and delivers what one never killed delivers."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from connector.actions.action import Finished, Outcome, Release
from connector.actions.fetch.journal import Journal
from connector.datastore.errors import HolderLost
from connector.ingest.jsonl import Jsonl
from connector.jobs import outcomes, requests
from connector.jobs.tables import jobs
from tests.fetch.conftest import Fetching

Make = Callable[..., Fetching]


class Killed(BaseException):
    """Ends a run as a kill does: nothing of it goes on."""


class Trap:
    """Kills a run at the n-th of its durable steps, before or after it is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at: int | None = None
        self.steps = 0
        for owner, name in ((Journal, "_store"), (Jsonl, "write_page"), (Jsonl, "begin")):
            monkeypatch.setattr(owner, name, self._trapped(getattr(owner, name)))

    def arm(self, at: int | None) -> None:
        self.at, self.steps = at, 0

    def _trapped(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def trapped(*args: Any, **kwargs: Any) -> Any:
            self._pass()
            done = step(*args, **kwargs)
            self._pass()
            return done

        return trapped

    def _pass(self) -> None:
        if self.steps == self.at:
            raise Killed
        self.steps += 1


def delivered(fetching: Fetching, task: str, outcome: Outcome) -> tuple[Any, ...]:
    """Return lines, files and counts, without what differs between any two runs."""
    assert isinstance(outcome, Finished), outcome
    lines = Counter(
        repr(sorted((k, v) for k, v in record.items() if k not in ("token", "attempt", "task")))
        for record in fetching.records(task)
    )
    folder = fetching.folder / "documents" / task
    files = sorted((p.name, p.read_bytes()) for p in folder.glob("files/*"))
    (counts,) = outcome.result["documentcounts"]["documentcount"]
    return lines, files, {k: v for k, v in counts.items() if k != "@task"}


def test_killed_at_any_step_it_delivers_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = make(rooms=3, messages=30, files=4)
    trap = Trap(monkeypatch)
    undisturbed = fetching.perform(fetching.claimed(), CONNECTOR_FETCHTASKS_0="CALM")
    wanted = delivered(fetching, "CALM", undisturbed)
    for at in itertools.count():
        task = f"KILLED{at}"
        run = fetching.claimed()
        trap.arm(at)
        try:
            fetching.perform(run, CONNECTOR_FETCHTASKS_0=task)
            break  # there is no such step any more
        except Killed:
            trap.arm(None)
        fetching.database.run(outcomes.release, run, "killed")
        outcome = fetching.perform(fetching.claim(run.token), CONNECTOR_FETCHTASKS_0=task)
        assert delivered(fetching, task, outcome) == wanted, f"killed at step {at}"
    assert at > 30


def test_killed_again_and_again_it_delivers_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = make(rooms=3, messages=30, files=4)
    trap = Trap(monkeypatch)
    wanted = delivered(
        fetching, "CALM", fetching.perform(fetching.claimed(), CONNECTOR_FETCHTASKS_0="CALM")
    )
    run = fetching.claimed()
    kills = 0
    while True:
        trap.arm(7)
        try:
            outcome = fetching.perform(run, CONNECTOR_FETCHTASKS_0="AGAIN")
            break
        except Killed:
            fetching.database.run(outcomes.release, run, "killed")
            run = fetching.claim(run.token)
            kills += 1
    assert kills > 5
    assert delivered(fetching, "AGAIN", outcome) == wanted


def test_a_run_that_goes_on_asks_for_no_page_twice(make: Make, monkeypatch: Any) -> None:
    fetching = make(rooms=2, messages=42, files=0)
    trap = Trap(monkeypatch)
    run = fetching.claimed()
    trap.arm(12)
    with pytest.raises(Killed):
        fetching.perform(run)
    trap.arm(None)
    fetching.database.run(outcomes.release, run, "killed")
    before = sum(fetching.sandbox.requests()["rooms"].values())
    fetching.perform(fetching.claim(run.token))
    asked = sum(fetching.sandbox.requests()["rooms"].values())
    assert asked <= 6 + 2, "six pages, and at most the one under way and the one asked ahead again"
    assert before < asked


def test_new_messages_between_two_attempts_wait_for_the_next_run(
    make: Make, monkeypatch: Any
) -> None:
    fetching = make(rooms=1, messages=21, files=0)
    trap = Trap(monkeypatch)
    run = fetching.claimed()
    trap.arm(6)
    with pytest.raises(Killed):
        fetching.perform(run)
    trap.arm(None)
    room = fetching.records()[0]["metadata"]["room_id"]
    fetching.sandbox.control("add-message", roomId=room, text="late")
    fetching.database.run(outcomes.release, run, "killed")
    fetching.perform(fetching.claim(run.token))
    assert len(fetching.records()) == 21
    fetching.synchronize()
    assert [r["content"] for r in fetching.records()[21:]] == ["late"]


def test_who_lost_the_task_can_write_nothing_more(make: Make) -> None:
    fetching = make(rooms=1, messages=5)
    settings = fetching.settings()
    first = fetching.claimed()
    fetching.perform(first)
    journal = Journal(fetching.database, fetching.context, settings.tasks[0])
    fetching.database.run(outcomes.release, first, "lost")
    second = fetching.claim(first.token)
    fetching.perform(second)
    with pytest.raises(HolderLost):
        journal.room_failed("room", "too late")
    with pytest.raises(HolderLost):
        journal.task_done()


def test_an_attempt_that_lost_its_job_never_takes_hold(make: Make) -> None:
    fetching = make(rooms=1, messages=5)
    run = fetching.claimed()
    fetching.database.run(outcomes.release, run, "lost")
    outcome = fetching.perform(run)
    assert isinstance(outcome, Release)
    assert not (fetching.folder / "documents").exists()


def test_a_run_that_another_has_overtaken_takes_nothing_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = make(rooms=3, messages=30, files=0)
    trap = Trap(monkeypatch)
    first = fetching.claimed()
    trap.arm(14)
    with pytest.raises(Killed):
        fetching.perform(first)
    trap.arm(None)
    begun = {record["reference"] for record in fetching.records()}
    fetching.database.run(outcomes.release, first, "killed")
    fetching.database.run(requests.cancel, token=first.token, by="test")
    fetching.synchronize()
    with fetching.database.engine.begin() as connection:
        reopen = sa.update(jobs).where(jobs.c.token == first.token)
        connection.execute(reopen.values(state="queued", ended_at=None, changed_by="test reopen"))
    outcome = fetching.perform(fetching.claim(first.token))
    assert isinstance(outcome, Finished)
    assert begun and {r["reference"] for r in fetching.records()} >= begun
    assert len({record["reference"] for record in fetching.records()}) == 30
