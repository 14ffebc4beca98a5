"""What is stored or ends behind what is counted already is counted too, on every engine."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import outcomes, requests, submit
from connector.jobs.counting import Counting
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import ended_late, jobs, stored_counts
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs
from tests.jobs.test_tally import (
    at_once,
    counted,
    end,
    late,
    old_token,
    remove_by_hand,
    tallied,
    told,
)

__all__ = ["at_once"]  # holds for the tests here too


def test_a_clock_that_is_set_back_makes_all_late_and_nothing_wrong(kit: Jobs) -> None:
    end(kit, 3)
    counted(kit)
    before = datetime.now(UTC) - timedelta(hours=1)
    for _ in range(2):
        old_token(kit, before)
    kit.database.run_at(before, outcomes.finish, kit.running(), {})
    assert told(kit) == 4 and (late(kit), late(kit, ended_late)) == (2, 1)
    counted(kit)
    assert told(kit) == 4 and (late(kit), late(kit, ended_late)) == (0, 0)


def test_a_token_that_is_older_than_what_is_counted_counts(kit: Jobs) -> None:
    token = old_token(kit, datetime.now(UTC) - timedelta(days=1))
    assert told(kit) == 0
    end(kit, 2)
    counted(kit)
    again = old_token(kit, datetime.now(UTC) - timedelta(days=2))
    kit.database.run(submit.submit, [NewJob(again, "Test", {})])  # a commit in doubt, repeated
    kit.database.run(submit.submit, [NewJob(token, "Test", {})])
    new = old_token(kit, datetime.now(UTC) - timedelta(days=2), "Other")
    assert told(kit) == 2 and told(kit, "Other") == 0 and late(kit) == 2
    kit.database.run(requests.cancel, token=new, by="test")
    remove_by_hand(kit, new)
    assert told(kit, "Other") == 0 and late(kit) == 1
    counted(kit)
    assert told(kit) == 2 and late(kit) == 0 and tallied(kit, stored_counts) == {"Test": 4}


def test_a_token_from_the_future_counts(kit: Jobs) -> None:
    end(kit, 1)
    token = old_token(kit, datetime.now(UTC) + timedelta(days=9000))
    counted(kit)
    assert told(kit) == 1 and tallied(kit, stored_counts) == {"Test": 1}
    kit.database.run(requests.cancel, token=token, by="test")
    assert told(kit) == 2
    remove_by_hand(kit, token)
    assert told(kit) == 1


def test_an_end_that_is_told_late_counts(kit: Jobs) -> None:
    end(kit, 1)
    first, second, third = kit.submit(), kit.submit(), kit.submit()
    counted(kit)
    for token in (first, second, third):
        long_ago = datetime.now(UTC) - timedelta(days=1)
        kit.by_hand(token, state="cancelled", ended_at=long_ago, changed_by="test")
    assert told(kit) == 4 and late(kit, ended_late) >= 2
    kit.by_hand(first, state="queued", ended_at=None, changed_by="test again")
    remove_by_hand(kit, second)
    assert told(kit) == 2
    counted(kit)
    assert told(kit) == 2 and late(kit, ended_late) == 0


def test_jobs_that_are_given_another_queue_by_hand_count_there(kit: Jobs) -> None:
    ended, waiting = end(kit, 1)[0], kit.submit()
    counted(kit)
    fresh = kit.submit()
    for queue in ("Other", "Third"):
        for token in (ended, waiting, fresh):
            kit.by_hand(token, queue=queue, changed_by=f"test {queue}")
        assert told(kit, queue) == 1 and told(kit) == 0
    counted(kit)
    assert told(kit, "Third") == 1 and told(kit, "Other") == told(kit) == 0
    assert tallied(kit, stored_counts) == {"Third": 3}


@pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)
def test_a_transaction_that_is_open_for_long_is_waited_for(kit: Jobs, empty_url: str) -> None:
    end(kit, 1)
    held = kit.submit()
    other = Database(empty_url, application="test")
    worker = Counting(kit.database)
    with other.engine.begin() as connection:
        row = {**kit.row(held), "token": new_token(), "queue": "Slow"}
        connection.execute(sa.insert(jobs), row)
        over = {"state": State.CANCELLED, "ended_at": datetime.now(UTC), "changed_by": "test"}
        connection.execute(sa.update(jobs).where(jobs.c.token == held).values(over))
        for _ in range(9):
            worker.step()
        assert tallied(kit) in ({}, {"Test": 1}) and told(kit) == 1
        assert tallied(kit, stored_counts).get("Slow") is None
    counted(kit)
    assert told(kit) == 2 and told(kit, "Slow") == 0
    assert tallied(kit, stored_counts)["Slow"] == 1
    other.close()
