"""How PostgreSQL finds what each verb and each view wants, in a table of a million actions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.jobs import claim, outcomes, reading, retention, submit, waiting, workers
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from connector.jobs.why import why
from tests.conftest import migrate
from tests.postgresql_server import start

ENDED, WAITING, DELAYED = 900_000, 50_000, 50_000
WORKER = new_token()

# The order of moves that the guard allows: queued, running, finished.
FILL = """
INSERT INTO {s}.jobs (token, queue, state, priority, run_at, rank, attempt, failures, losses,
    parameters, changed_by, queued_at)
SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0')
        || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15) AS uuid),
    'Fetch', 'queued', 0, t, extract(epoch FROM t) * 1000000, 0, 0, 0,
    '{{"FetchAction": "Synchronize"}}', 'fill', t
FROM generate_series(1, {count}) n
CROSS JOIN LATERAL (SELECT now() + interval '{days} days' - n * interval '1 s') moment(t)
"""
END = (
    "UPDATE {s}.jobs SET state = 'running', attempt = 1, started_at = run_at, changed_by = 'claim'",
    "UPDATE {s}.jobs SET state = 'finished', ended_at = run_at, changed_by = 'finish', "
    "result = '{{\"added\": 12}}'",
)


def run() -> None:
    """Print a row for each statement: what finds its rows, pages read, milliseconds."""
    with start() as url:
        database = Database(url, application="benchmark", statement_seconds=0.0)
        migrate(database)
        token = _fill(database)
        print(f"\n{_size(database)}\n")
        print("| Asked by | Statement | Found by | Pages | ms |\n|---|---|---|---|---|")
        for name, work in _answers(token).items():
            for told in _explained(database, work):
                print(f"| {name} | {told} |", flush=True)
        database.close()


def _fill(database: Database) -> str:
    me = workers.Worker(WORKER, "host", "boot", 1, "0", {"queues": {"Fetch": 4}, "tasks": []})
    database.run(workers.register, me, {"Fetch": 60.0})
    _execute(database, FILL.format(s=database.schema, count=ENDED, days=-1))
    for statement in END:
        _execute(database, statement.format(s=database.schema))
    _execute(database, f"VACUUM FULL {database.schema}.jobs")
    _execute(database, FILL.format(s=database.schema, count=DELAYED, days=9))
    _execute(database, FILL.format(s=database.schema, count=WAITING, days=0))
    _execute(database, f"VACUUM ANALYZE {database.schema}.jobs")
    token = new_token()
    database.run(submit.submit, [NewJob(token, "Fetch", {})])
    return token


def _execute(database: Database, statement: str) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _size(database: Database) -> str:
    text = (
        "SELECT pg_table_size(c.oid), pg_indexes_size(c.oid) FROM pg_class c "
        f"WHERE c.oid = CAST('{database.schema}.jobs' AS regclass)"
    )
    found = database.read(lambda tx: tx.execute(sa.text(text)).mappings().one())
    table, indexes = found["pg_table_size"], found["pg_indexes_size"]
    rows = ENDED + WAITING + DELAYED
    return (
        f"{rows:,} actions, of which {ENDED:,} have ended: "
        f"{table / rows:.0f} B of table and {indexes / rows:.0f} B of indexes each"
    )


Work = Callable[[Tx], Any]


def _answers(token: str) -> dict[str, Work]:
    def finish(tx: Tx) -> None:
        (run,) = claim.claim(tx, "Fetch", WORKER, 1)
        outcomes.finish(tx, run, {})

    views = ("queue_status", "running_jobs", "recent_failures", "slow_jobs")
    return {
        "a look what is due": lambda tx: waiting.due(tx, ["Fetch"]),
        "claim of 10": lambda tx: claim.claim(tx, "Fetch", WORKER, 10),
        "claim of 1, finish": finish,
        "GetStatus of a token": lambda tx: reading.get(tx, [token]),
        "GetStatus of a queue, a page": lambda tx: reading.page(tx, "Fetch", limit=500),
        "beat": lambda tx: workers.beat(tx, WORKER),
        "rescue": lambda tx: workers._orphans(tx, 100, ()),
        "prune": lambda tx: retention._over(tx, State.FINISHED, 5.0, (), 500),
        "why": lambda tx: why(tx, token),
        **{f"view {view}": _of(view) for view in views},
    }


def _of(view: str) -> Work:
    return lambda tx: tx.execute(
        sa.text(f"SELECT * FROM {tx.connection.engine.get_execution_options()['place']}.{view}")
    ).all()


def _explained(database: Database, work: Work) -> Iterator[str]:
    """Run the work in a transaction that is taken back, and yield a row for each statement."""
    told: list[str] = []
    database.engine.update_execution_options(place=database.schema)

    def measured(tx: Tx) -> None:
        with _listening(tx.connection, told):
            work(tx)
        raise _Back

    try:
        database.run(measured)
    except _Back:
        yield from told


class _Back(Exception):
    """Ends a transaction without a commit."""


@contextmanager
def _listening(connection: sa.Connection, told: list[str]) -> Iterator[None]:
    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if statement.startswith("INSERT"):
            return
        cursor.execute("SAVEPOINT before")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
        explained = cursor.fetchone()[0][0]
        cursor.execute("ROLLBACK TO before")
        plan = explained["Plan"]
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        ways = ", ".join(dict.fromkeys(_ways(plan))) or "no table"
        verb = statement.split()[0]
        told.append(f"{verb} | {ways} | {pages:,} | {explained['Execution Time']:.2f}")

    sa.event.listen(connection, "before_cursor_execute", explain)
    try:
        yield
    finally:
        sa.event.remove(connection, "before_cursor_execute", explain)


def _ways(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the indexes used and the tables read whole, the outermost first."""
    if "Index Name" in plan:
        yield f"`{plan['Index Name']}`"
    elif plan["Node Type"] == "Seq Scan" and plan["Actual Rows"] > 100:
        yield f"all of {plan['Relation Name']}"
    for part in plan.get("Plans", ()):
        yield from _ways(part)
