"""The action RestoreServer: what a backup holds and the database has not is put back.

Source: RestoreServer in the vendor's connector references, of which the name alone is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, ClassVar, TypeVar

from sqlalchemy.exc import DBAPIError

from connector.actions.action import (
    Context,
    Failed,
    Finished,
    InvalidParameter,
    Outcome,
    Parameter,
    Release,
)
from connector.actions.server import folder
from connector.actions.server.archive import Archive, Damaged
from connector.actions.server.backup import RIGHTS, BackupServer, OpenDatabase, Told, first_line
from connector.actions.server.purge import PurgeDatastore
from connector.actions.server.states import TaskStates
from connector.config import Settings, shown
from connector.datastore.errors import HolderLost
from connector.db import schema
from connector.db.engine import Database, Tx
from connector.jobs import fence
from connector.jobs.errors import LeaseLost
from connector.jobs.restore import Restore, Stored, prepare, put_jobs, put_schedules
from connector.jobs.results import REMOVED as PARTS
from connector.jobs.tables import (
    idempotency_keys,
    job_events,
    job_progress,
    job_results,
    jobs,
    queues,
)

T = TypeVar("T")

BATCH = 100
"""Jobs put back in one transaction: short enough to be in nobody's way."""


class Refused(Exception):
    """The backup does not fit this server; nothing was changed."""


class RestoreServer:
    """Puts back what a backup holds."""

    name: ClassVar[str] = "RestoreServer"
    help: ClassVar[str] = (
        "Put back what a backup holds and the database has not; queues are paused."
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Path", "The file name that BackupServer has answered.", required=True),
        Parameter(
            "OtherEnvironment",
            "Whether a backup of another deployment ([Server] Environment) may be taken.",
            kind="boolean",
            default=False,
        ),
    )
    pausable: ClassVar[bool] = True

    def __init__(self, settings: Settings, open_database: OpenDatabase) -> None:
        self._settings = settings
        self._open_database = open_database

    def check_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Refuse a Path that is none inside the folder. Raises InvalidParameter."""
        folder.parts(parameters.get("Path", ""))

    def run(self, context: Context) -> Outcome:
        """Check the whole file first; then put back, in short transactions, what is not there."""
        path = context.parameters["Path"].strip()
        try:
            with (
                folder.opened(self._settings.paths.backups, path) as file,
                closing(self._open_database("backup")) as database,
            ):
                archive = _verified(file, context)
                database.read(_suits, archive, context.parameters["OtherEnvironment"])
                return Finished(self._restored(Restoring(context, database, archive, path)))
        except (InvalidParameter, Refused) as error:
            return Failed(str(error))
        except Damaged as error:
            return Failed(f"{error}: it was changed meanwhile; what was put back by then stays")
        except OSError as error:
            return Failed(f"the backup {path} cannot be read: {error.strerror or error}")
        except DBAPIError as error:
            return Failed(f"the database refused a change: {first_line(error)}; {RIGHTS}")
        except (HolderLost, LeaseLost) as error:
            return Release(str(error), 1.0)

    def _restored(self, restoring: "Restoring") -> dict[str, Any]:
        archive = restoring.archive
        paused = restoring.fenced(
            prepare, restoring.restore, list(archive.rows(queues.name)), restoring.restore.once
        )
        tasks = TaskStates(archive, restoring.context, restoring.fenced, restoring.database).put()
        actions = restoring.put_jobs()
        schedules = restoring.fenced(
            put_schedules, restoring.restore, list(archive.rows("schedules"))
        )
        differs = shown.differences(archive.configuration(), shown.text(self._settings))
        return {
            "filename": restoring.restore.source,
            "actions": actions,
            "tasks": tasks,
            "schedules": schedules,
            "paused": {"queue": paused},
            "configuration": {"differs": differs},
        }


class Restoring:
    """One attempt at a restore."""

    def __init__(self, context: Context, database: Database, archive: Archive, source: str) -> None:
        self.context, self.database, self.archive = context, database, archive
        once = (BackupServer.name, PurgeDatastore.name, RestoreServer.name)
        self.restore = Restore(f"RestoreServer {context.token}", source, once)

    def fenced(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do it in one transaction, while the action is still this attempt's. Raises LeaseLost."""

        def checked(tx: Tx) -> T:
            context = self.context
            if not fence.holds(tx, context.token, context.attempt, context.worker_id):
                raise LeaseLost(context.token, context.attempt)
            return work(tx, *arguments)

        return self.database.run(checked)

    def put_jobs(self) -> dict[str, int]:
        """Put back the actions that are not there; return how many were, and were not."""
        put = seen = refused = 0
        stored = of_jobs(self.archive)
        for some in batches(stored):
            seen += len(some)
            number, wrong = self._batch(some)
            put, refused = put + number, refused + wrong
            self.context.progress(actions=seen, restored=put)
        return {"restored": put, "present": seen - put - refused, "refused": refused}

    def _batch(self, some: Sequence[Stored]) -> tuple[int, int]:
        """Put some back, one by one if one of them makes trouble: how many were, and cannot be."""
        try:
            return self.fenced(partial(_put, restore=self.restore, saved=some)), 0
        except (DBAPIError, ValueError) as error:
            if len(some) == 1:
                why = first_line(error) if isinstance(error, DBAPIError) else str(error)
                self.context.log.warning("action not restored", of=some[0].token, why=why)
                return 0, 1
        each = [self._batch([one]) for one in some]
        return sum(put for put, _ in each), sum(wrong for _, wrong in each)


def _put(tx: Tx, restore: Restore, saved: Sequence[Stored]) -> int:
    return put_jobs(tx, restore, saved)


def _verified(file: BinaryIO, context: Context) -> Archive:
    """Return the archive, all of which has been read and is as it was written. Raises Refused."""
    try:
        archive = Archive(file)
        archive.verify(Told(context))
        return archive
    except Damaged as error:
        raise Refused(f"{error}; nothing was changed") from error


def _suits(tx: Tx, archive: Archive, any_environment: bool) -> None:
    """Return if the backup is of tables like these, and of this deployment. Raises Refused."""
    origin, here = archive.origin, schema.described(tx)
    if (origin.product, origin.schema_version) != (schema.PRODUCT, here.version):
        raise Refused(
            f"the backup is of {origin.product} with version {origin.schema_version} of the "
            f"schema, and the database has {here.version}: restore it where that version is, with "
            f"webex-connector {origin.program}, and run webex-connector migrate there"
        )
    if origin.environment != here.environment and not any_environment:
        raise Refused(
            f"the backup is of the environment {origin.environment!r}, and the database belongs to "
            f"{here.environment!r}: send OtherEnvironment=true if that is meant"
        )


def of_jobs(archive: Archive) -> Iterator[Stored]:
    """Yield the jobs of a backup, each with what belongs to it."""
    tables = (job_progress, job_events, idempotency_keys, job_results)
    belongs = [_Belonging(archive, table.name) for table in tables]
    for job in archive.rows(jobs.name):
        progress, events, keys, results = (each.of(job["token"]) for each in belongs)
        yield Stored(job, progress, events, keys, results)


def batches(stored: Iterable[Stored]) -> Iterator[list[Stored]]:
    """Yield jobs as many together as are put back in one transaction."""
    some: list[Stored] = []
    parts = 0
    for job in stored:
        if some and (len(some) == BATCH or parts + len(job.results) > PARTS):
            yield some
            some, parts = [], 0
        some.append(job)
        parts += len(job.results)
    if some:
        yield some


class _Belonging:
    """Rows that belong to jobs, in the order of the jobs."""

    def __init__(self, archive: Archive, table: str) -> None:
        self._rows = archive.rows(table)
        self._next = next(self._rows, None)

    def of(self, token: str) -> list[Any]:
        found = []
        while self._next is not None and self._next["token"] <= token:
            if self._next["token"] == token:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found
