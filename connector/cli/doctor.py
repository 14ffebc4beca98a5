"""`doctor`: what is wrong with a database in use, or soon will be, each with its remedy."""

import contextlib
import io
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.actions import keys
from connector.cli.migrating import upgrade
from connector.config import Settings
from connector.db import secret_keys
from connector.db.dialects import catalog
from connector.db.engine import Database, Tx
from connector.db.schema import schema_info
from connector.jobs import workers
from connector.jobs.states import OPEN, TRANSITIONS, State
from connector.jobs.tables import is_open, job_transitions, jobs, queues
from connector.jobs.why import why

SOME = 10_000
"""Open actions whose parameters are looked at."""

SOON = timedelta(seconds=20)
"""How long a server may take to start, before it is said that there is none."""

LATE = timedelta(minutes=10)
"""How long an action may have been due before somebody should look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and what mends it."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Oldest:
    """The first job of a queue that is due."""

    queue: str
    paused: bool
    token: str
    oldest: datetime


Check = Callable[[Database, Settings], Iterator[Finding]]


def run(database: Database, settings: Settings) -> bool:
    """Make every check, print what it finds, and return whether all is well."""
    well = True
    for name, check in CHECKS.items():
        try:
            found = list(check(database, settings))
        except DBAPIError as error:
            first = str(error.orig).partition("\n")[0]
            found = [
                Finding(
                    f"cannot be looked at: {first}",
                    "run doctor as the tables' owner; docs/dba.md, Roles, names the rights",
                )
            ]
        print(f"{'ok     ' if not found else 'WRONG  '} {name}")
        for finding in found:
            well = False
            print(f"         {finding.problem}\n         -> {finding.remedy}")
    return well


def drift(database: Database, settings: Settings) -> Iterator[Finding]:
    """Compare triggers, functions, views, indexes, columns with a schema made afresh."""
    with database.engine.connect() as connection:
        here = catalog.read(connection, database.schema)
    with fresh(database) as made, made.engine.connect() as connection:
        wanted = catalog.read(connection, made.schema)
    remedy = "compare with `alembic upgrade head --sql`; a hand-made change is undone by hand"
    for kind in sorted(wanted.keys() - here.keys()):
        yield Finding(f"{kind} is missing", remedy)
    for kind in sorted(here.keys() & wanted.keys()):
        if here[kind] != wanted[kind]:
            yield Finding(f"{kind} differs from what the migrations make", remedy)
    for kind in sorted(here.keys() - wanted.keys()):
        yield Finding(f"{kind} is there, and none of ours", "remove it, or keep it knowingly")


def transitions(database: Database, settings: Settings) -> Iterator[Finding]:
    """Compare the moves that the guard allows with those of this program."""
    stated = {(verb, *map(str, move)) for verb, moves in TRANSITIONS.items() for move in moves}
    rows = database.read(lambda tx: tx.execute(sa.select(job_transitions)).all())
    for move in sorted(stated ^ {tuple(row) for row in rows}):
        what = "is missing in" if move in stated else "is not this program's, but in"
        yield Finding(f"the move {' '.join(move)} {what} job_transitions", "restore the row")


def leases(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look for workers that are silent, and for running actions without a worker."""
    now = datetime.now(UTC)
    for worker in database.read(workers.listed):
        silent = (now - worker.beat_at).total_seconds()
        if silent > (worker.lease_seconds or settings.worker.lease_seconds):
            yield Finding(
                f"worker {worker.id} on {worker.host} (pid {worker.pid}) has been silent for "
                f"{silent:.0f} s, and no other worker is there to take over",
                "start a server: webex-connector serve, or work",
            )
    orphans = database.read(workers._orphans, 100, ())
    if orphans:
        yield Finding(
            f"{len(orphans)} running actions have no worker, such as {orphans[0].token}",
            "any worker rescues them within its lease; start one if none runs",
        )


def agreement(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look for workers whose program, configuration or environment differ."""
    there = database.read(workers.listed)
    named: str | None = database.read(
        lambda tx: tx.execute(sa.select(schema_info.c.environment)).scalar()
    )
    for what in ("program", "build", "config_hash"):
        values = {getattr(worker, what) for worker in there if getattr(worker, what)}
        if len(values) > 1:
            hosts = ", ".join(f"{w.host}: {getattr(w, what)}" for w in there)
            yield Finding(
                f"workers differ in {what}: {hosts}",
                "bring all hosts to the same program and configuration, and restart them",
            )
    for worker in there:
        if worker.environment != named:
            yield Finding(
                f"worker {worker.id} on {worker.host} works for {worker.environment or 'none'}, "
                f"the data belongs to {named or 'none'}: it claims nothing",
                "set [Server] Environment there, or after a restore: webex-connector restored",
            )


def key_file(database: Database, settings: Settings) -> Iterator[Finding]:
    """Compare the key file of this host with that of the others."""
    recorded = database.read(secret_keys.recorded)
    if recorded and (told := keys.objection(settings.paths.keys, recorded)):
        problem, _, remedy = told.partition(": ")
        yield Finding(problem, remedy or "run doctor as the user of the server")


def waiting(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look for actions that have been due for long."""
    for row in database.read(_oldest):
        late = datetime.now(UTC) - row.oldest
        if late > LATE and not row.paused:
            minutes = late.total_seconds() / 60
            yield Finding(
                f"in {row.queue} an action has been due for {minutes:.0f} minutes",
                "SELECT * FROM why_queued tells why; webex-connector status -q tells which",
            )


def served(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look for queues whose oldest action is one that nobody would take."""
    for row in database.read(_oldest):
        if row.paused or datetime.now(UTC) - row.oldest < SOON:
            continue
        found = database.read(why, row.token)
        if found.cause in ("nobody serves it", "task unknown"):
            yield Finding(f"in {row.queue} {row.token}: {found.explanation}", found.remedy)


def damage(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look for open jobs that the database's own rules would not let in."""
    wrong = sa.or_(
        sa.and_(jobs.c.state == State.RUNNING, jobs.c.worker_id.is_(None)),
        sa.and_(jobs.c.state == State.RUNNING, jobs.c.started_at.is_(None)),
        jobs.c.attempt < jobs.c.failures + jobs.c.losses,
    )
    some = sa.select(jobs.c.token, jobs.c.parameters).where(sa.or_(*map(is_open, OPEN))).limit(SOME)
    for row in database.read(lambda tx: tx.execute(some).all()):
        if not isinstance(row.parameters, Mapping):
            yield Finding(
                f"the parameters of {row.token} are no JSON object: no verb can move it",
                "put them right by hand, with the guard off, as the tables' owner",
            )
    bad = sa.select(jobs.c.token).where(wrong, jobs.c.ended_at.is_(None)).limit(20)
    for token in database.read(lambda tx: tx.execute(bad).scalars().all()):
        yield Finding(
            f"the row of {token} contradicts itself, as if changed with triggers off",
            f"webex-connector log {token}; then set a legal state by hand, or cancel it",
        )


def engine(database: Database, settings: Settings) -> Iterator[Finding]:
    """Look at what only this engine can tell: old snapshots, bloat, standbys, deaf listeners."""
    for problem, remedy in database.dialect.troubles(database.engine, database.schema):
        yield Finding(problem, remedy)


CHECKS: dict[str, Check] = {
    "schema as the migrations make it": drift,
    "moves as this program knows them": transitions,
    "every running action has a live worker": leases,
    "workers agree": agreement,
    "the key file is that of all hosts": key_file,
    "what is due has workers": served,
    "nothing waits for long": waiting,
    "rows are sound": damage,
    "the database server": engine,
}


@contextlib.contextmanager
def fresh(database: Database) -> Iterator[Database]:
    """Make the newest schema beside the one in use, in a place of its own, and remove it again."""
    name = f"webex_connector_doctor_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory() as folder:
        place = database.dialect.beside(database.engine.url, name, Path(folder))
        if place.statement:
            _admin(database, f"CREATE {place.statement}")
        made = Database(
            place.url.render_as_string(hide_password=False), schema=name, statement_seconds=0.0
        )
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                upgrade(made)
            yield made
        finally:
            made.close()
            if place.statement:
                _admin(database, f"DROP {place.statement}{place.cascade}")


def _admin(database: Database, statement: str) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def _oldest(tx: Tx) -> list[Oldest]:
    """Return the first due job of each queue that has one."""
    found = []
    for queue in tx.execute(sa.select(queues.c.queue, queues.c.paused)).all():
        first = tx.execute(
            sa.select(jobs.c.token, jobs.c.run_at)
            .where(is_open(State.QUEUED), jobs.c.queue == queue.queue, jobs.c.run_at <= tx.now)
            .order_by(jobs.c.rank)
            .limit(1)
        ).first()
        if first is not None:
            found.append(Oldest(queue.queue, queue.paused, first.token, first.run_at))
    return found
