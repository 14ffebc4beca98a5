"""How the connector is measured beside other queues, by a rig that drives each through a driver.

The rig's own library is found by `BENCH_LIB`, its folder. The worker is `webex-connector work` with
its default settings, but for what `settings` says.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [os.environ["BENCH_LIB"], str(Path(__file__).parent.parent)]

from benchlib import DSN, FAST, Driver, main  # noqa: E402

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
        # Not above: a worker is timed from its start, and needs nothing of it.
        from benchmarks import producer

        self.action = producer.action
        self.alone = conc == 1
        self.producer = producer.Producer(DSN)

    async def close(self) -> None:
        """Let go of it."""
        self.producer.close()

    async def enqueue_one(self, kind: str, payload: dict[str, int]) -> None:
        """Store one action durably, and wake the workers."""
        new = self.action(kind, payload.get("s", 0), port=payload.get("p", 0))
        if self.alone:
            self.producer.alone(new)
        else:
            await self.producer.one(new)

    async def enqueue_many(self, n: int) -> None:
        """Store many by one transaction."""
        self.producer.many([self.action("noop", number) for number in range(n)])

    async def start_worker(self, conc: int) -> None:
        """Become a worker. All of one database are of one host, as a second start is of a first."""
        _become("work", _data_folder(), FAST_SETTINGS if FAST else {})


def _data_folder() -> Path:
    """Return the data folder that all starts on one database share, and that setup empties."""
    return Path(tempfile.gettempdir()) / f"bench-data-{os.getuid()}" / str(DSN).rpartition("/")[2]


def _environment(folder: Path, more: dict[str, str]) -> dict[str, str]:
    here = Path(__file__).parent
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here / "action"), str(here.parent)]),
        "CONNECTOR_DATABASE_URL": DSN,
        "CONNECTOR_PATHS_DATADIRECTORY": str(folder),
        **more,
    }


def _become(command: str, folder: Path, more: dict[str, str]) -> None:
    arguments = [sys.executable, "-m", "connector", command]
    os.execve(sys.executable, arguments, _environment(folder, more))


def _migrate() -> None:
    folder = _data_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "connector", "migrate"]
    subprocess.run(command, env=_environment(folder, {}), check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Connector())
