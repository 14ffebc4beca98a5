"""The actions about the server on a real database, without the processes around them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.actions.action import Failed, Finished, Outcome
from connector.actions.registry import action
from connector.config import Settings, load
from connector.datastore.tables import task_items, task_rooms, tasks
from connector.db.engine import Database
from connector.db.metadata import metadata
from connector.jobs import claim, outcomes, submit, turns, workers
from connector.jobs.job import NewJob, Run
from connector.jobs.token import new_token
from tests import leases
from tests.conftest import fresh_url
from tests.fetch.conftest import RunContext
from tests.jobs.conftest import Jobs

WORKER = "00000000-0000-7000-8000-000000000001"
SERVER = "00000000-0000-7000-8000-000000000002"
"""The worker that runs actions about the server, at the moment of a claim."""

QUEUES = ("BackupServer", "RestoreServer", "PurgeDatastore")


class Rig:
    """One server's database and folders, and the actions as a slot runs them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.backups = folder / "backups"
        self.database = Database(url, application="test")
        self.jobs = Jobs(self.database)
        self.kinds: dict[str, str] = {}
        """How kinds of connections log in, if not as everybody does."""

    def settings(self) -> Settings:
        given = {
            "CONNECTOR_FETCHTASKS_0": "ONE",
            "CONNECTOR_FETCHTASKS_1": "TWO",
            "CONNECTOR_WEBEX_ACCESSTOKEN": "geheim",
            "CONNECTOR_PATHS_DATADIRECTORY": str(self.folder),
            "CONNECTOR_DATABASE_URL": self.url,
        }
        return load(None, given, {}, QUEUES).settings

    def claimed(self, name: str, **parameters: object) -> Run:
        """Store an action and claim it."""
        token = new_token()
        values = (
            {"OtherEnvironment": False, **parameters} if name == "RestoreServer" else parameters
        )
        tasks = ("ONE", "TWO") if name == "PurgeDatastore" else None
        self.database.run(submit.submit, [NewJob(token, name, values, tasks)])
        return self.claim(token, name)

    def claim(self, token: str, name: str) -> Run:
        leases.register(self.database, SERVER, name)
        if name == "PurgeDatastore":
            runs = self.database.run(turns.claim_in_turn, name, SERVER, 10, ["ONE", "TWO"])
        else:
            runs = self.database.run(claim.claim, name, SERVER, 10)
        self.database.run(workers.evict, SERVER)
        (run,) = [run for run in runs if run.token == token]
        return run

    def perform(self, run: Run, queue: str) -> Outcome:
        """Run one attempt; its context is kept in `context`."""
        self.context = RunContext(run, self.folder)

        def opened(kind: str = "slot") -> Database:
            return Database(self.kinds.get(kind, self.url), application=kind)

        return action(queue, self.settings(), opened).run(self.context)

    def done(self, name: str, **parameters: object) -> dict[str, Any]:
        """Run an action to its good end and return its result."""
        run = self.claimed(name, **parameters)
        outcome = self.perform(run, name)
        assert isinstance(outcome, Finished), outcome
        self.database.run(outcomes.finish, run, dict(outcome.result))
        return dict(outcome.result)

    def failed(self, name: str, **parameters: object) -> str:
        """Run an action to its bad end and return its error."""
        run = self.claimed(name, **parameters)
        outcome = self.perform(run, name)
        assert isinstance(outcome, Failed), outcome
        self.database.run(outcomes.fail, run, outcome.error)
        return outcome.error

    def fill(self, task: str, run: str, items: int = 3) -> None:
        """Give a task a state as a fetch leaves it."""
        with self.database.engine.begin() as connection:
            row = {"task": task, "run_token": run, "counts": {"added": items}}
            connection.execute(sa.insert(tasks).values(row))
            room = {"task": task, "room_id": "R", "title": "Räume", "walked_by": run}
            connection.execute(sa.insert(task_rooms).values(room))
            for number in range(items):
                item = {"task": task, "reference": f"m{number}", "room_id": "R", "parent": None}
                item |= {"created": f"2025-01-{number % 28 + 1:02}", "fingerprint": "f"}
                connection.execute(sa.insert(task_items).values(item))

    def rows(self, *names: str) -> dict[str, list[str]]:
        """Return the rows of tables, as texts."""
        with self.database.engine.connect() as connection:
            return {
                name: sorted(
                    str(tuple(row)) for row in connection.execute(sa.select(metadata.tables[name]))
                )
                for name in names
            }


@pytest.fixture
def rig(empty_url: str, database: Database, tmp_path: Path) -> Iterator[Rig]:
    """A server with an empty database, once for each engine."""
    made = Rig(empty_url, tmp_path / "data")
    yield made
    made.database.close()


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, rig: Rig, tmp_path: Path
) -> Iterator[Callable[[], Rig]]:
    """Make another server of the same engine, with an empty database and the same backups."""
    made: list[Rig] = []

    def another() -> Rig:
        folder = tmp_path / f"other{len(made)}"
        folder.mkdir()
        url = fresh_url(rig.database.dialect.name, request, folder, migrated=True)
        other = Rig(url, folder)
        rig.backups.mkdir(parents=True, exist_ok=True)
        other.backups.symlink_to(rig.backups)
        made.append(other)
        return other

    yield another
    for other in made:
        other.database.close()
