"""Large results on every engine: there once, with the end of their run, as long as that counts."""

from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.jobs import outcomes, requests, results, retention
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.states import State
from connector.jobs.tables import job_results
from tests.jobs.conftest import Jobs
from tests.jobs.test_retention import KEEP, aged

PARTS = [f"part {n} é" for n in range(11)]
LARGE = "x" * (256 << 10)

Ends = Callable[[Tx, Run, Sequence[str]], State]
ENDS: dict[str, Ends] = {
    "finish": lambda tx, run, parts: outcomes.finish(tx, run, {"a": 1}, parts),
    "fail": lambda tx, run, parts: outcomes.fail(tx, run, "why", {"a": 1}, parts),
}

ends = pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))


def there(database: Database) -> list[tuple[str, int, str]]:
    """Return every part there is."""
    return [tuple(row.values()) for row in database.read(lambda tx: list(results.every(tx)))]


def of(token: str, parts: Sequence[str] = PARTS) -> list[tuple[str, int, str]]:
    return [(token, number, part) for number, part in enumerate(parts)]


@ends
def test_parts_are_there_with_the_end_once_however_often_it_is_told(kit: Jobs, end: Ends) -> None:
    run = kit.running()
    for _ in range(2):  # as after a commit in doubt
        kit.database.run(end, run, PARTS)
    assert there(kit.database) == of(run.token)
    found = kit.database.read(results.first, run.token)
    assert found and (found.attempt, found.result, found.head) == (1, {"a": 1}, PARTS[0])
    assert kit.database.read(results.some, run.token, 1, 9) == PARTS[9:]


@ends
def test_a_run_that_is_no_longer_held_leaves_no_parts(kit: Jobs, end: Ends) -> None:
    run = kit.running()
    kit.database.run(outcomes.release, run, "lost")
    with pytest.raises(LeaseLost):
        kit.database.run(end, run, PARTS)
    assert there(kit.database) == []


def test_a_transaction_that_breaks_between_parts_leaves_neither_them_nor_the_end(kit: Jobs) -> None:
    run = kit.running()

    def parts() -> Iterator[str]:
        yield from PARTS[:6]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        kit.database.run(outcomes.finish, run, {"a": 1}, parts())
    assert there(kit.database) == [] and kit.state(run.token) is State.RUNNING
    kit.database.run(outcomes.finish, run, {"a": 1}, PARTS)
    assert there(kit.database) == of(run.token)


@ends
def test_a_stop_that_was_asked_for_wins_and_keeps_what_was_returned(kit: Jobs, end: Ends) -> None:
    run = kit.running()
    kit.database.run(requests.stop, run.token, "client")
    assert kit.database.run(end, run, PARTS) is State.STOPPED
    assert there(kit.database) == of(run.token)


def failed(kit: Jobs) -> Run:
    run = kit.running()
    kit.database.run(outcomes.fail, run, "why", {"a": 1}, PARTS)
    return run


def reopened_by_hand(kit: Jobs, token: str) -> None:
    kit.by_hand(token, state="queued", ended_at=None, result=None, changed_by="sql me")


def reopened(kit: Jobs, token: str) -> None:
    kit.database.run(requests.reopen, token, "client")


@pytest.mark.parametrize("again", [reopened, reopened_by_hand])
def test_what_runs_again_has_no_parts_but_its_own(
    kit: Jobs, again: Callable[[Jobs, str], None]
) -> None:
    other, run = failed(kit), failed(kit)
    again(kit, run.token)
    assert there(kit.database) == of(other.token)
    assert kit.database.read(results.some, run.token, 1, 0) == []
    second = kit.claim(run.token)
    kit.database.run(outcomes.finish, second, {"a": 1}, PARTS[:2])
    assert there(kit.database) == [*of(other.token), *of(run.token, PARTS[:2])]
    assert kit.database.read(results.some, run.token, 1, 0) == [], "those of the first try"
    assert kit.database.read(results.some, run.token, 2, 0) == PARTS[:2]


def test_without_the_guard_old_parts_would_be_taken_for_the_new_result(kit: Jobs) -> None:
    run = failed(kit)
    table = f" ON {kit.database.schema}.jobs" if kit.database.schema else ""
    with kit.database.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER jobs_forget_results{table}")
    reopened(kit, run.token)
    kit.database.run(outcomes.finish, kit.claim(run.token), {"small": 1})
    found = kit.database.read(results.first, run.token)
    assert found and found.head == PARTS[0], "the test above would see a guard that is off"


def test_parts_go_with_their_job(kit: Jobs) -> None:
    old, kept = failed(kit), failed(kit)
    aged(kit, old.token)
    assert retention.prune(kit.database, KEEP) == 1
    assert there(kit.database) == of(kept.token)


def test_few_jobs_with_many_parts_are_removed_by_one_transaction(
    kit: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "REMOVED", 2 * len(PARTS))
    small = kit.in_state(State.FAILED)[0]
    tokens = [small, *(failed(kit).token for _ in range(5))]

    def few(these: Sequence[str]) -> Sequence[str]:
        return kit.database.read(results.few, these)

    assert few(tokens) == tokens[:3] and few(tokens[3:5]) == tokens[3:5] and few([]) == []
    monkeypatch.setattr(results, "REMOVED", 1)
    assert few(tokens[1:]) == tokens[1:2], "one that is too large alone goes all the same"
    for token in tokens:
        aged(kit, token)
    assert retention.prune(kit.database, KEEP) == 6 and there(kit.database) == []


def test_a_part_may_be_as_large_as_they_are_made(kit: Jobs) -> None:
    run = kit.running()
    parts = [LARGE, "'\\" * (len(LARGE) // 2), "🎉" * (len(LARGE) // 4)]
    kit.database.run(outcomes.finish, run, {}, parts)
    assert there(kit.database) == of(run.token, parts)


def test_a_small_result_costs_no_statement_more(kit: Jobs) -> None:
    told: list[str] = []

    @sa.event.listens_for(kit.database.engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    run = kit.running()
    kit.database.run(outcomes.finish, run, {"a": 1})
    kit.database.run(requests.reopen, failed_without(kit).token, "client")
    assert told and not [statement for statement in told if job_results.name in statement]


def failed_without(kit: Jobs) -> Run:
    run = kit.running()
    kit.database.run(outcomes.fail, run, "why")
    return run


def test_every_part_is_walked_in_the_order_of_jobs(
    kit: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "TOGETHER", 3)
    tokens = sorted(failed(kit).token for _ in range(4))
    assert there(kit.database) == [row for token in tokens for row in of(token)]
