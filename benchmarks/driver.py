"""How the connector is measured beside other queues, by a rig that drives each through a driver.

The rig's own library is found by `BENCH_LIB`, its folder. The worker is `webex-connector work` with
its default settings, but for what `settings` says.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [os.environ["BENCH_LIB"], str(Path(__file__).parent.parent)]

from benchlib import DSN, FAST, Driver, main  # noqa: E402

from connector.aci.group import Group  # noqa: E402
from connector.db.engine import Database  # noqa: E402
from connector.jobs import submit  # noqa: E402
from connector.jobs.errors import JobError  # noqa: E402
from connector.jobs.job import NewJob  # noqa: E402
from connector.jobs.token import new_token  # noqa: E402

FAST_SETTINGS = {"CONNECTOR_WORKER_LEASESECONDS": "2"}


class Connector(Driver):
    """The connector as the rig wants it."""

    name = "ours"
    conc = 0
    bulk_batch = 1000
    versions = ("webex-connector", "sqlalchemy", "psycopg")
    table = "webex_connector.jobs"
    clone = {
        "token": "cast(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12,"
        " '0') || '7' || substr(md5(random()::text), 1, 3) || '8'"
        " || substr(md5(random()::text), 1, 15) as uuid)"
    }
    remaining_sql = "select count(*) from webex_connector.jobs where state in ('queued', 'running')"
    done_sql = "select count(*) from webex_connector.jobs where state = 'finished'"
    settings = "webex-connector work, default settings; leases, fence, guard, trail, history on"
    fast_settings = "LeaseSeconds=2"

    async def setup(self) -> None:
        """Make the tables."""
        _migrate()

    async def open(self, conc: int) -> None:
        """Make ready to store actions, `conc` at once."""
        self.database = Database(DSN, application="producer", pool_size=2)
        self.writer: Group[NewJob, str | JobError] = Group("writer", self._store, self._notify)

    async def close(self) -> None:
        """Let go of it."""
        self.writer.close(5.0)
        self.database.close()

    async def enqueue_one(self, kind: str, payload: dict[str, int]) -> None:
        """Store one action durably, and wake the workers."""
        await self.writer.call(_job(kind, payload), 60.0)

    async def enqueue_many(self, n: int) -> None:
        """Store many by one transaction."""
        self._store([_job("noop", {"s": number}) for number in range(n)])
        self.database.notify({"Bench"})

    def _store(self, new: Sequence[NewJob]) -> list[str | JobError]:
        return self.database.run_alone(submit.submit, new)

    def _notify(self, new: Sequence[NewJob]) -> None:
        self.database.notify({"Bench"})

    async def start_worker(self, conc: int) -> None:
        """Become a worker."""
        folder = tempfile.mkdtemp(prefix="bench-")
        _become("work", folder, FAST_SETTINGS if FAST else {})


def _job(kind: str, payload: dict[str, int]) -> NewJob:
    given = {"Kind": kind, "Number": payload.get("s", 0), "Port": payload.get("p", 0)}
    return NewJob(new_token(), "Bench", given)


def _environment(folder: str, more: dict[str, str]) -> dict[str, str]:
    here = Path(__file__).parent
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here / "action"), str(here.parent)]),
        "CONNECTOR_DATABASE_URL": DSN,
        "CONNECTOR_PATHS_DATADIRECTORY": folder,
        **more,
    }


def _become(command: str, folder: str, more: dict[str, str]) -> None:
    arguments = [sys.executable, "-m", "connector", command]
    os.execve(sys.executable, arguments, _environment(folder, more))


def _migrate() -> None:
    import subprocess

    command = [sys.executable, "-m", "connector", "migrate"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, env=_environment(folder, {}), check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Connector())
