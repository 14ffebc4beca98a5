"""The views, and the alert rules of docs/dba.md that are made of them, on every engine."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.jobs import operate, outcomes, progress, requests, tables, workers
from connector.jobs.states import State
from tests.jobs.conftest import OTHER, WORKER, Jobs
from tests.jobs.ways import DOCS


def rows(kit: Jobs, query: str) -> list[dict[str, Any]]:
    """Run a query as a DBA does, the schema found by the search path."""
    with kit.database.engine.connect() as connection:
        if kit.database.schema:
            connection.exec_driver_sql(f"SET search_path = {kit.database.schema}")
        return [dict(row._mapping) for row in connection.execute(sa.text(query))]


def alerts() -> dict[str, str]:
    (block,) = re.findall(r"```sql\n(-- alert.*?)```", DOCS.read_text(), re.S)
    parts = re.split(r"^-- alert: (.+)\n", block, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_no_alert_is_raised_where_all_is_well(kit: Jobs) -> None:
    kit.register(WORKER)
    kit.running()
    for text in alerts().values():
        assert rows(kit, text.rstrip().rstrip(";")) == []


def test_each_alert_is_raised_by_what_it_is_for(kit: Jobs) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    run = kit.running(OTHER)  # its worker is gone by now
    kit.database.run(outcomes.refused, run, "finish")
    kit.database.run_at(long_ago, progress.save, run, progress={"pages": 1})
    for _ in range(21):
        kit.in_state(State.FAILED)
    kit.by_hand(kit.submit(), run_at=long_ago)
    kit.register(WORKER)
    late = sa.update(tables.workers).values(beat_at=long_ago)
    kit.database.run(lambda tx: tx.execute(late))
    for name, text in alerts().items():
        assert rows(kit, text.rstrip().rstrip(";")), name


def test_queue_status_counts_what_is_open(kit: Jobs) -> None:
    serves = {"queues": {"Test": 2}, "tasks": []}
    me = workers.Worker(WORKER, "here", "boot", 7, "0", serves)
    kit.database.run(workers.register, me, {"Test": 60.0})
    kit.running()
    for _ in range(2):
        kit.submit()
    kit.submit(delay=60.0)
    kit.in_state(State.PAUSED)
    kit.submit("Unserved")
    kit.database.run(operate.pause_queue, "Test", "me", "tonight")
    found = {row["queue"]: row for row in rows(kit, "SELECT * FROM queue_status")}
    test = found["Test"]
    numbers = [int(test[n]) for n in ("queued", "due", "running", "held", "workers")]
    assert numbers == [3, 2, 1, 1, 1] and test["paused"] and test["reason"] == "tonight"
    unserved = found["Unserved"]
    assert (int(unserved["due"]), unserved["workers"], unserved["changed_by"]) == (1, 0, None)
    assert 0 <= int(unserved["oldest_due_seconds"]) < 60


def test_running_jobs_and_workers_name_each_other(kit: Jobs) -> None:
    kit.register(WORKER)
    run = kit.running(WORKER)
    kit.database.run(progress.save, run, progress={"pages": 3})
    kit.database.run(requests.stop, run.token, "http you", "enough")
    (row,) = rows(kit, "SELECT * FROM running_jobs")
    assert (str(row["token"]), row["host"], row["pid"]) == (run.token, "host", 1)
    assert (row["requested"], row["requested_by"]) == ("stop", "http you")
    assert 0 <= row["running_seconds"] < 60 and "3" in str(row["progress"])
    (worker,) = rows(kit, "SELECT * FROM worker_status")
    assert (worker["state"], worker["running"]) == ("claiming", 1)


def test_slow_jobs_are_those_over_twice_the_mean_of_their_queue(kit: Jobs) -> None:
    for seconds in (1.0, 1.0, 1.0, 7.0):
        run = kit.running()
        kit.by_hand(
            run.token,
            started_at=datetime.now(UTC) - timedelta(seconds=seconds),
            changed_by=f"test {seconds}",
        )
        kit.database.run(outcomes.finish, run, {})
    (slow,) = rows(kit, "SELECT * FROM slow_jobs")
    assert str(slow["token"]) == run.token and 2.5 < float(slow["times_mean"]) < 3.0
    assert float(slow["ran_seconds"]) == pytest.approx(7.0, abs=2.0)


def test_recent_failures_are_those_of_a_day(kit: Jobs) -> None:
    new, old = kit.running(), kit.running()
    kit.database.run(outcomes.fail, new, "broken")
    kit.database.run_at(datetime.now(UTC) - timedelta(days=2), outcomes.fail, old, "broken too")
    (failed,) = rows(kit, "SELECT * FROM recent_failures")
    assert (str(failed["token"]), failed["error"]) == (new.token, "broken")
