"""What has ended goes when its time is over, and nothing else does."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import outcomes, progress, requests, retention
from connector.jobs.states import FINAL, State
from connector.jobs.tables import job_events, job_progress, jobs
from tests.jobs.conftest import Jobs
from tests.jobs.test_workers import refuse

KEEP = dict.fromkeys(FINAL, 30.0)
OLD = datetime.now(UTC) - timedelta(days=31)


def aged(kit: Jobs, token: str) -> str:
    """Have a job end 31 days ago."""
    kit.by_hand(token, ended_at=OLD, changed_by="test aged")
    return token


def there(kit: Jobs) -> set[str]:
    with kit.database.engine.connect() as connection:
        return set(connection.execute(sa.select(jobs.c.token)).scalars())


def test_what_has_ended_goes_after_its_time_and_takes_all_about_it_along(kit: Jobs) -> None:
    run = kit.running()
    kit.database.run(progress.save, run, progress={"a": 1})
    kit.database.run(requests.stop, run.token, "client")
    kit.database.run(outcomes.stop, run)
    assert retention.prune(kit.database, KEEP) == 0 and there(kit) == {run.token}
    aged(kit, run.token)
    assert retention.prune(kit.database, KEEP) == 1 and there(kit) == set()
    with kit.database.engine.connect() as connection:
        for table in (job_progress, job_events):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


@pytest.mark.parametrize("state", list(State))
def test_each_state_has_a_time_of_its_own(kit: Jobs, state: State) -> None:
    token, _ = kit.in_state(state)
    if state in FINAL:
        aged(kit, token)
    assert retention.prune(kit.database, {s: None if s is state else 1.0 for s in FINAL}) == 0
    assert there(kit) == {token}
    assert retention.prune(kit.database, KEEP) == (state in FINAL)
    assert there(kit) == (set() if state in FINAL else {token})


def test_one_batch_at_a_time_the_oldest_first(kit: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    tokens = [kit.in_state(State.FINISHED)[0] for _ in range(5)]
    for age, token in enumerate(tokens):
        kit.by_hand(token, ended_at=OLD - timedelta(days=age), changed_by="test aged")
    assert retention.prune(kit.database, KEEP) == 2 and there(kit) == set(tokens[:3])
    assert retention.prune(kit.database, KEEP) == 2 and there(kit) == {tokens[0]}
    assert retention.prune(kit.database, KEEP) == 1 and there(kit) == set()


def test_one_that_the_database_refuses_to_remove_keeps_no_other(kit: Jobs) -> None:
    bad, good = (aged(kit, kit.in_state(State.FAILED)[0]) for _ in range(2))
    refuse(kit, bad, "DELETE")
    assert retention.prune(kit.database, KEEP) == 1
    assert there(kit) == {bad}
    assert retention.prune(kit.database, KEEP) == 0, "and there is an end to trying"
    assert good not in there(kit)


def test_one_that_somebody_has_locked_is_passed_over(kit: Jobs, empty_url: str) -> None:
    if kit.database.dialect.name == "sqlite":
        return  # it locks the file, never a row
    locked, free = (aged(kit, kit.in_state(State.FINISHED)[0]) for _ in range(2))
    row = sa.select(jobs.c.token).where(jobs.c.token == locked).with_for_update()
    quick = Database(empty_url, lock_timeout_ms=50)
    with kit.database.engine.connect() as connection, connection.begin():
        connection.execute(row)
        assert retention.prune(quick, KEEP) == 1
    assert there(kit) == {locked} and free not in there(kit)
    assert retention.prune(quick, KEEP) == 1
    quick.close()


def test_one_reopened_meanwhile_is_kept(kit: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    token = aged(kit, kit.in_state(State.FAILED)[0])
    found = retention._over

    def slow(*arguments: object) -> object:
        tokens = found(*arguments)  # type: ignore[arg-type]
        return [*tokens, kit_open]

    kit_open = kit.submit()
    monkeypatch.setattr(retention, "_over", slow)
    retention.prune(kit.database, {State.FAILED: 30.0})
    assert there(kit) == {kit_open} and token not in there(kit)
