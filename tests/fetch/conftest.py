"""The action Fetch on a real database and a real sandbox, without the processes around it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.actions.action import Log, Outcome
from connector.actions.fetch.fetch import Fetch
from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import claim, outcomes, submit
from connector.jobs.job import NewJob, Run
from connector.jobs.token import new_token
from connector.log import logger
from connector.sandbox.process import SandboxProcess
from tests import leases

Record = dict[str, Any]
WORKER = "00000000-0000-7000-8000-000000000001"


class RunContext:
    """A context that remembers what it was told."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.token = run.token
        self.worker_id = run.worker_id
        self.attempt = run.attempt
        self.parameters = run.parameters
        self.checkpoint = run.checkpoint
        self.folder = folder
        self.log: Log = logger("test")
        self.told: list[Mapping[str, object]] = []

    def progress(self, **facts: object) -> None:
        self.told.append(facts)

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        raise AssertionError("Fetch keeps its checkpoints in the datastore")


class Fetching:
    """Runs Fetch as a slot does, and reads what it delivered."""

    def __init__(self, database: Database, url: str, sandbox: SandboxProcess, folder: Path) -> None:
        self.database = database
        self.sandbox = sandbox
        self.folder = folder
        self._url = url
        self.environment = {
            "CONNECTOR_FETCHTASKS_0": "ONE",
            "CONNECTOR_FETCHTASKS_SWEEPDAYS": "0",
            "CONNECTOR_WEBEX_BASEURL": sandbox.base_url,
            "CONNECTOR_WEBEX_ACCESSTOKEN": sandbox.token,
            "CONNECTOR_WEBEX_PAGESIZE": "7",
            "CONNECTOR_WEBEX_MAXRETRIES": "2",
            "CONNECTOR_PATHS_DATADIRECTORY": str(folder),
            "CONNECTOR_DATABASE_URL": url,
        }

    def settings(self, **environment: str) -> Settings:
        return load(None, {**self.environment, **environment}, {}, ("Fetch",)).settings

    def claimed(self, **parameters: str) -> Run:
        """Store a Fetch and claim it."""
        token = new_token()
        job = NewJob(token, "Fetch", {"FetchAction": "Synchronize", **parameters})
        self.database.run(submit.submit, [job])
        return self.claim(token)

    def claim(self, token: str) -> Run:
        with leases.alive(self.database, WORKER):
            runs = self.database.run(claim.claim, "Fetch", WORKER, 100)
        (run,) = [run for run in runs if run.token == token]
        return run

    def perform(self, run: Run, **environment: str) -> Outcome:
        """Run one attempt; its context is kept in `context`."""
        settings = self.settings(**environment)
        self.context = RunContext(run, self.folder)
        action = Fetch(settings, lambda: Database(self._url, application="test slot"))
        return action.run(self.context)

    def synchronize(self, **environment: str) -> Outcome:
        """Run a whole Synchronize of a token of its own."""
        run = self.claimed()
        outcome = self.perform(run, **environment)
        self.database.run(outcomes.finish, run, {})
        return outcome

    def records(self, task: str = "ONE") -> list[Record]:
        """Return every record delivered, in order of the pages."""
        pages = sorted((self.folder / "documents" / task).glob("page-*.jsonl"))
        return [json.loads(line) for page in pages for line in page.read_bytes().splitlines()]

    def take(self, task: str = "ONE") -> list[Record]:
        """Return every record delivered since the last call, and take the pages away."""
        records = self.records(task)
        for page in (self.folder / "documents" / task).glob("page-*.jsonl"):
            page.unlink()
        return records


def ops(records: list[Record]) -> Counter[str]:
    """Count records by what they order."""
    return Counter(record["op"] for record in records)


@pytest.fixture
def make(database: Database, empty_url: str, tmp_path: Path) -> Iterator[Callable[..., Fetching]]:
    """Makes a sandbox of given options, and what fetches from it."""
    running: list[SandboxProcess] = []

    def fetching(**options: Any) -> Fetching:
        sandbox = SandboxProcess(**{"throttle_every": 0, "files": 5, **options})
        running.append(sandbox.__enter__())
        return Fetching(database, empty_url, sandbox, tmp_path / "data")

    yield fetching
    for sandbox in running:
        sandbox.__exit__(None, None, None)
