"""A simulated month: actions come, end and are removed, and the table does not grow."""

import os
from collections.abc import Mapping

import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import retention
from connector.jobs.states import FINAL, State
from tests.conftest import migrate
from tests.postgresql_server import start

DAYS = 30
KEPT = 7
"""Days that ended actions are kept."""

A_DAY = int(os.environ.get("BENCH_ACTIONS", "20000"))
PARTS = 10
"""Parts of a day after each of which VACUUM is run, as autovacuum would many times."""

COME = """
INSERT INTO {s}.jobs (token, queue, state, priority, run_at, rank, attempt, failures, losses,
    parameters, changed_by, queued_at)
SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0')
        || '7' || substr(md5(random()\\:\\:text), 1, 3)
        || '8' || substr(md5(random()\\:\\:text), 1, 15) AS uuid),
    'Fetch', 'queued', 0, t, extract(epoch FROM t) * 1000000, 0, 0, 0,
    jsonb_build_object('FetchAction', 'Synchronize', 'Padding', repeat('x', n % 300)),
    'http submit', t
FROM generate_series(1, {count}) n
CROSS JOIN LATERAL (
    SELECT now() - interval '{ago} days' - interval '{left} hours' + n * interval '1 s'
) moment(t)
"""
RUN = (
    "UPDATE {s}.jobs SET state = 'running', attempt = 1, started_at = run_at, "
    "changed_by = 'worker claim 1' WHERE state = 'queued'",
    "UPDATE {s}.jobs SET state = 'finished', ended_at = run_at, changed_by = 'worker finish 1', "
    "result = '{{\"added\": 12}}' WHERE state = 'running'",
)


def run() -> None:
    """Print rows and sizes of each day, and what the last day is to the first steady one."""
    print(
        f"{A_DAY:,} actions a day, kept for {KEPT} days, removed every tenth of a day; "
        "PostgreSQL, VACUUM as often\n"
    )
    print("| Day | Rows | Table MiB | Indexes MiB |\n|---|---|---|---|")
    sizes: dict[int, Mapping[str, int]] = {}
    with start() as url:
        database = Database(url, application="benchmark", statement_seconds=0.0)
        migrate(database)
        for day in range(1, DAYS + 1):
            for part in range(PARTS):
                _work(database, DAYS - day, (PARTS - part) * 24.0 / PARTS)
            sizes[day] = _sizes(database)
            if day in (1, KEPT) or day > KEPT and (day - KEPT - 1) % 4 == 0 or day == DAYS:
                print(_row(day, sizes[day]), flush=True)
        database.close()
    first, last = sizes[KEPT + 1], sizes[DAYS]
    for name in ("table", "indexes"):
        print(f"\n{name}: day {DAYS} ÷ day {KEPT + 1} = {last[name] / first[name]:.2f}")


def _work(database: Database, ago: int, left: float) -> None:
    """Do a tenth of a day's work, so many days and hours before now, and remove what is old."""
    for statement in (COME, *RUN):
        text = statement.format(s=database.schema, count=A_DAY // PARTS, ago=ago, left=left)
        _execute(database, text)
    keep: dict[State, float | None] = {state: ago + left / 24 + KEPT for state in FINAL}
    while retention.prune(database, keep) >= retention.BATCH:
        pass
    _execute(database, f"VACUUM {database.schema}.jobs")


def _execute(database: Database, statement: str) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _sizes(database: Database) -> Mapping[str, int]:
    text = (
        'SELECT (SELECT count(*) FROM {s}.jobs) AS "rows", pg_table_size(c.oid) AS "table", '
        'pg_indexes_size(c.oid) AS "indexes" FROM pg_class c '
        "WHERE c.oid = CAST('{s}.jobs' AS regclass)"
    )
    query = sa.text(text.format(s=database.schema))
    return dict(database.read(lambda tx: tx.execute(query).mappings().one()))


def _row(day: int, sizes: Mapping[str, int]) -> str:
    table, indexes = sizes["table"] / (1 << 20), sizes["indexes"] / (1 << 20)
    return f"| {day} | {sizes['rows']:,} | {table:.1f} | {indexes:.1f} |"
