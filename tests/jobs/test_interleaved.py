"""Transactions that meet: what one does while another has not committed yet.

Where the engine locks its whole file for a writer (SQLite) two never meet, so the tests that hold
one open say nothing there; the race at the end is run on every engine.
"""

import threading
from collections.abc import Callable, Iterator

import pytest

from connector.db.engine import Database, Tx
from connector.db.errors import Locked
from connector.jobs import claim, outcomes, progress, requests, turns
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests import leases
from tests.jobs.conftest import OTHER, WORKER, Jobs

TASKS = ("A", "B")


@pytest.fixture
def other(database: Database, empty_url: str) -> Iterator[Database]:
    """The same database as somebody else sees it, who does not wait long for locks."""
    opened = Database(empty_url, lock_timeout_ms=50)
    yield opened
    opened.close()


def writers_meet(kit: Jobs) -> bool:
    return kit.database.dialect.name != "sqlite"


class Interrupted:
    """A transaction in whose midst, after its first statement, something else happens."""

    def __init__(self, tx: Tx, event: Callable[[], object]) -> None:
        self._tx = tx
        self._events = [event]

    def execute(self, *arguments: object) -> object:
        return self._first(self._tx.execute(*arguments))  # type: ignore[arg-type]

    def execute_built(self, *arguments: object) -> object:
        return self._first(self._tx.execute_built(*arguments))  # type: ignore[arg-type]

    def change(self, *arguments: object) -> object:
        return self._first(self._tx.change(*arguments))  # type: ignore[arg-type]

    def _first(self, result: object) -> object:
        if self._events:
            self._events.pop()()
        return result

    def __getattr__(self, name: str) -> object:
        return getattr(self._tx, name)


def interrupted(
    kit: Jobs,
    event: Callable[[], object],
    work: Callable[..., object],
    *arguments: object,
    **named: object,
) -> object:
    """Do the work with the event in its midst, where two writers can meet; else after it."""
    if writers_meet(kit):
        return kit.database.run(lambda tx: work(Interrupted(tx, event), *arguments, **named))
    result = kit.database.run(lambda tx: work(tx, *arguments, **named))
    event()
    return result


def test_a_claim_under_way_neither_delays_another_nor_shares_with_it(
    kit: Jobs, other: Database
) -> None:
    kit.register(WORKER, OTHER)
    tokens = [kit.submit() for _ in range(6)]
    second: list[Run] = []

    def meanwhile() -> None:
        second.extend(other.run(claim.claim, "Test", OTHER, 3))

    first = interrupted(kit, meanwhile, claim.claim, "Test", WORKER, 3)
    assert isinstance(first, list)
    assert [run.token for run in first] == tokens[:3]
    assert [run.token for run in second] == tokens[3:]


def test_claims_by_task_take_turns(kit: Jobs, other: Database) -> None:
    kit.register(WORKER, OTHER)
    for _ in range(2):
        kit.submit(tasks=("A",))
    told: list[object] = []

    def meanwhile() -> None:
        if not writers_meet(kit):
            told.append(other.run(turns.claim_in_turn, "Test", OTHER, 1, TASKS))
            return
        with pytest.raises(Locked):
            other.run(turns.claim_in_turn, "Test", OTHER, 1, TASKS)
        told.append([])

    first = interrupted(kit, meanwhile, turns.claim_in_turn, "Test", WORKER, 1, TASKS)
    assert isinstance(first, list) and len(first) == 1
    assert told == [[]], "two found the task idle"


@pytest.mark.parametrize("verb", [requests.cancel, requests.stop], ids=["cancel", "stop"])
def test_a_job_that_is_being_cancelled_is_not_claimed(
    kit: Jobs, other: Database, verb: Callable[..., State]
) -> None:
    kit.register(WORKER, OTHER)
    token = kit.submit()
    claimed: list[Run] = []

    def meanwhile() -> None:
        claimed.extend(other.run(claim.claim, "Test", OTHER, 1))

    assert interrupted(kit, meanwhile, verb, token, "client") is State.CANCELLED
    assert claimed == [] and kit.state(token) is State.CANCELLED


def test_an_attempt_that_is_saving_is_not_taken_away_in_the_midst_of_it(
    kit: Jobs, other: Database
) -> None:
    run = kit.running()
    refused: list[bool] = []

    def meanwhile() -> None:
        try:
            other.run(outcomes.lose, run, "its worker is gone", "rescuer")
        except Locked:
            refused.append(True)

    interrupted(kit, meanwhile, progress.save, run, checkpoint={"at": 1})
    assert bool(refused) == writers_meet(kit)
    if refused:
        other.run(outcomes.lose, run, "its worker is gone", "rescuer")
    assert kit.claim(run.token).checkpoint == {"at": 1}


def test_a_stop_that_meets_the_end_of_the_run_is_answered_truly(kit: Jobs, other: Database) -> None:
    """Whoever is second sees what the first has done: never a stop granted and then forgotten."""
    run = kit.running()

    def meanwhile() -> None:
        if writers_meet(kit):
            with pytest.raises(Locked):
                other.run(outcomes.finish, run, {})

    assert interrupted(kit, meanwhile, requests.stop, run.token, "client") is State.RUNNING
    assert other.run(outcomes.finish, run, {"kept": 1}) is State.STOPPED
    with pytest.raises(LeaseLost):
        other.run(outcomes.fail, run, "late")
    assert kit.job(run.token).result == {"kept": 1}


def test_racing_workers_never_run_two_jobs_of_a_task_at_a_time(kit: Jobs, empty_url: str) -> None:
    kit.register(WORKER, OTHER)
    for number in range(40):
        kit.submit(tasks=(TASKS[number % 2],) if number % 5 else TASKS)
    in_use = {task: threading.Lock() for task in TASKS}
    faults: list[str] = []
    done: list[str] = []

    def work() -> None:
        database, me = Database(empty_url, patience=20.0), new_token()
        leases.register(database, me)
        while len(done) < 40 and not faults:
            for run in database.run(turns.claim_in_turn, "Test", me, 1, TASKS):
                for task in run.tasks:
                    if not in_use[task].acquire(blocking=False):
                        faults.append(f"{task} runs twice")
                        return
                for task in run.tasks:
                    in_use[task].release()
                database.run(outcomes.finish, run, {})
                done.append(run.token)
        database.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults and len(set(done)) == len(done) == 40
