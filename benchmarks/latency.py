"""How soon a queued action starts after its token."""

import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import sqlalchemy as sa

from benchmarks.server import Serving, serving
from connector.jobs.tables import jobs
from tests.postgresql_server import start

ACTIONS = 100
TARGET = 50
"""Milliseconds."""


def run() -> None:
    """Print the time from queued to started on both engines, measured by the database's clock."""
    with tempfile.TemporaryDirectory() as name:
        _measure("sqlite", f"sqlite:///{name}/connector.db", Path(name) / "data")
    with tempfile.TemporaryDirectory() as name, start(fsync="on") as url:
        _measure("postgresql", url, Path(name) / "data")


def _measure(engine: str, url: str, folder: Path) -> None:
    with serving(
        url,
        folder,
        CONNECTOR_FETCHTASKS_0="BENCH",
        CONNECTOR_WEBEX_ACCESSTOKEN="none",
        CONNECTOR_WEBEX_BASEURL="http://127.0.0.1:9/v1",
        CONNECTOR_WEBEX_MAXRETRIES="0",
        CONNECTOR_WEBEX_GIVEUPAFTERSECONDS="0",
    ) as server:
        waits = sorted(_waits(server))
        print(
            f"latency on {engine}: median {median(waits):.1f} ms, "
            f"95 % below {quantiles(waits, n=20)[-1]:.1f} ms (target {TARGET} ms), "
            f"{len(waits)} actions one after another"
        )


def _waits(server: Serving) -> list[float]:
    waits = []
    for number in range(ACTIONS + 5):
        token = server.send("Fetch", FetchAction="Synchronize")
        server.finished("Fetch", token)
        time.sleep(0.05)
        with server.database.engine.connect() as connection:
            row = connection.execute(
                sa.select(jobs.c.queued_at, jobs.c.started_at).where(jobs.c.token == token)
            ).one()
        if number >= 5:
            waits.append((row.started_at - row.queued_at).total_seconds() * 1000)
    return waits
