"""What a claim, a record, a rescue and a prune cost does not grow with what lies around them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.db.types import Identifier
from connector.jobs import claim, outcomes, progress, retention, submit, turns, waiting, workers
from connector.jobs.job import NewJob, Run
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from connector.jobs.turns import task_key
from connector.jobs.why import why
from tests.jobs.conftest import OTHER, WORKER, Jobs

MANY = 6000
BUFFERS = 100
"""Pages of 8 kB that one statement may look at."""

ROWS = 1000
"""Rows that one statement may read, where the engine counts rows."""


class Costs:
    """The cost of each statement that a database is sent, as the engine itself tells it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.found: list[tuple[str, float]] = []

    def of(self, work: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """Do the work in one transaction; return what it returns, costs kept in `found`."""
        self.found.clear()

        def measured(tx: Tx) -> Any:
            sa.event.listen(tx.connection, "before_cursor_execute", self._measure)
            try:
                return work(tx, *arguments, **named)
            finally:
                sa.event.remove(tx.connection, "before_cursor_execute", self._measure)

        return self.database.run(measured)

    def _measure(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, *_: object
    ) -> None:
        if statement.split()[0] in ("INSERT", "DELETE"):
            return  # what they find is found by the SELECT before, or by key
        {"postgresql": self._buffers, "sqlite": self._plan, "mariadb": self._rows}[
            self.database.dialect.name
        ](cursor, statement, parameters)

    def _buffers(self, cursor: Any, statement: str, parameters: Any) -> None:
        cursor.execute("SAVEPOINT before")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
        plan = cursor.fetchone()[0][0]["Plan"]
        cursor.execute("ROLLBACK TO before")
        # What changing a row costs is the same in any table; asked here is what finding it costs.
        parts = plan["Plans"] if plan["Node Type"] == "ModifyTable" else [plan]
        buffers = sum(part["Shared Hit Blocks"] + part["Shared Read Blocks"] for part in parts)
        self.found.append((json.dumps(plan), buffers))
        assert buffers <= BUFFERS, (buffers, statement, json.dumps(plan, indent=1))

    def _plan(self, cursor: Any, statement: str, parameters: Any) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        lines = [row[3] for row in cursor.fetchall()]
        scans = [line for line in lines if re.match(r"SCAN (main\.)?jobs\b", line)]
        self.found.append(("; ".join(lines), 0))
        assert not scans, (statement, lines)

    def _rows(self, cursor: Any, statement: str, parameters: Any) -> None:
        before = self._read(cursor)
        cursor.execute("SAVEPOINT before_it")
        cursor.execute(statement, parameters)
        cursor.fetchall()
        cursor.execute("ROLLBACK TO before_it")
        read = self._read(cursor) - before
        self.found.append((statement, read))
        assert read <= ROWS, (statement, read)

    def _read(self, cursor: Any) -> int:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


@pytest.fixture
def costs(kit: Jobs) -> Costs:
    kit.register(WORKER)
    return Costs(kit.database)


def fill(kit: Jobs, states: tuple[State, ...] = (), **given: Any) -> None:
    """Store many jobs, and move them along these states."""
    now = datetime.now(UTC)
    rank = int((now - timedelta(days=2)).timestamp() * 1e6)
    row = {
        "queue": "Test",
        "state": State.QUEUED,
        "priority": 0,
        "run_at": now - timedelta(days=2),
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "parameters": {},
        "changed_by": "test",
        "queued_at": now,
        "task_key": None,
        **given,
    }
    rows = [{"rank": rank + n, **row, "token": new_token()} for n in range(MANY)]
    with kit.database.engine.begin() as connection:
        connection.execute(sa.insert(jobs), rows)
        chosen = jobs.c.token.between(rows[0]["token"], rows[-1]["token"])
        for state in states:
            ended = now - timedelta(days=1) if state not in ("running", "paused") else None
            values = {"state": state, "ended_at": ended, "changed_by": f"test {state}"}
            values |= {"worker_id": OTHER} if state is State.RUNNING else {}
            connection.execute(sa.update(jobs).where(chosen).values(values))


def run_at_once(kit: Jobs) -> Run:
    """Return the run of a job that comes before all others."""
    kit.submit(priority=10_000_000)
    with kit.alive(OTHER):
        (run,) = kit.database.run(claim.claim, "Test", OTHER, 1)
    return run


def analysed(kit: Jobs) -> None:
    """Have the engine look at the tables as it does by itself sooner or later."""
    text = {
        "postgresql": f"VACUUM ANALYZE {kit.database.schema}.jobs",
        "mariadb": "ANALYZE TABLE jobs",
        "sqlite": "ANALYZE",
    }[kit.database.dialect.name]
    engine = kit.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(text)


def test_delayed_paused_and_ended_jobs_of_higher_priority_cost_a_claim_nothing(
    kit: Jobs, costs: Costs
) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    fill(kit, priority=100, run_at=later, rank=int(later.timestamp() * 1e6))
    fill(kit, (State.PAUSED,), priority=100)
    fill(kit, (State.RUNNING, State.FINISHED), priority=100)
    analysed(kit)
    ready = [kit.submit() for _ in range(5)]
    assert costs.of(waiting.due, ["Test", "Empty"])["Test"].seconds == 0
    assert [run.token for run in costs.of(claim.claim, "Test", WORKER, 2)] == ready[:2]
    assert [r.token for r in costs.of(turns.claim_in_turn, "Test", WORKER, 3)] == ready[2:]
    assert costs.of(claim.claim, "Test", WORKER, 2) == []
    wait = costs.of(waiting.due, ["Test"])["Test"]
    assert wait.seconds > 3600


def test_jobs_that_wait_for_a_busy_task_cost_a_claim_nothing(kit: Jobs, costs: Costs) -> None:
    begun = kit.submit(tasks=("A",))
    known = ("A", "B", "C")
    assert [r.token for r in costs.of(turns.claim_in_turn, "Test", WORKER, 1, known)] == [begun]
    fill(kit, tasks="A", task_key=task_key(("A",)), priority=100)
    analysed(kit)
    ready = [kit.submit(tasks=(task,)) for task in "BC"]
    found = costs.of(turns.claim_in_turn, "Test", WORKER, 5, known)
    assert [run.token for run in found] == ready
    assert costs.of(turns.claim_in_turn, "Test", WORKER, 5, known) == []


def test_a_paused_queue_costs_a_claim_nothing(kit: Jobs, costs: Costs) -> None:
    fill(kit, priority=100)
    analysed(kit)
    with kit.database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {f'{kit.database.schema}.' if kit.database.schema else ''}queues "
            "SET paused = true"
        )
    assert costs.of(claim.claim, "Test", WORKER, 5) == []
    assert costs.of(turns.claim_in_turn, "Test", WORKER, 5) == []


def test_recording_an_end_finds_its_row_by_key(kit: Jobs, costs: Costs) -> None:
    fill(kit, (State.RUNNING,))
    analysed(kit)
    run = kit.running()
    assert costs.of(outcomes.finish, run, {}) is State.FINISHED


def test_recording_finds_its_row_by_key_also_while_statistics_are_old(
    kit: Jobs, costs: Costs
) -> None:
    fill(kit, (State.RUNNING, State.FINISHED))
    analysed(kit)  # nothing runs, as far as the engine knows
    fill(kit, (State.RUNNING,))
    run = kit.running()
    costs.of(progress.save, run, checkpoint={"page": 1})
    assert costs.of(outcomes.finish, run, {}) is State.FINISHED


def test_a_rescue_and_a_look_for_requests_read_what_runs_alone(kit: Jobs, costs: Costs) -> None:
    fill(kit)
    fill(kit, (State.RUNNING, State.FAILED))
    lost = run_at_once(kit)
    analysed(kit)
    found = costs.of(workers._orphans, 100, ())
    assert [run.token for run in found] == [lost.token]
    assert costs.of(workers.strays, WORKER, ()) == []
    assert costs.of(progress.held, WORKER, [lost]) == {}


def test_a_prune_reads_what_goes_and_no_more(
    kit: Jobs, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kit, (State.RUNNING, State.FINISHED))
    fill(kit)
    analysed(kit)
    assert costs.of(retention._over, State.FINISHED, 30.0, (), 500) == []
    monkeypatch.setattr("tests.jobs.test_plans.BUFFERS", 2000)  # five hundred rows of the table
    assert len(costs.of(retention._over, State.FINISHED, 0.5, (), 500)) == 500


def test_storing_an_action_again_finds_it_by_key(kit: Jobs, costs: Costs) -> None:
    fill(kit)
    analysed(kit)
    token = new_token()
    for _ in range(2):
        costs.of(submit.submit, [NewJob(token, "Test", {}, priority=10_000_000)])
    assert [run.token for run in costs.of(claim.claim, "Test", WORKER, 1)] == [token]


@pytest.mark.parametrize("states", [(), (State.RUNNING, State.FINISHED)], ids=["waiting", "ended"])
def test_why_an_action_waits_is_told_without_a_look_at_the_others(
    kit: Jobs, costs: Costs, states: tuple[State, ...]
) -> None:
    first = kit.submit()
    fill(kit, states)
    last = kit.submit(tasks=("A",))
    run = run_at_once(kit)
    analysed(kit)
    for token in (first, last, run.token):
        costs.of(why, token)


def test_views_of_what_runs_and_what_failed_read_no_more_than_that(kit: Jobs, costs: Costs) -> None:
    fill(kit, (State.RUNNING, State.FINISHED))
    fill(kit)
    failed = run_at_once(kit)
    kit.database.run(outcomes.fail, failed, "broken")
    run = run_at_once(kit)
    analysed(kit)
    for view, token in {"running_jobs": run.token, "recent_failures": failed.token}.items():
        table = sa.Table(view, sa.MetaData(), sa.Column("token", Identifier))
        assert costs.of(lambda tx, t=table: tx.execute(sa.select(t)).scalars().all()) == [token]
