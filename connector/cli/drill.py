"""`drill lease-loss`: take a live worker's lease away, and watch what becomes of its actions."""

import time
from collections.abc import Mapping

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from connector.cli.tables import TOKEN, table
from connector.cli.wiring import complain
from connector.db.engine import Database, Tx
from connector.jobs import reading, workers
from connector.jobs.job import Job
from connector.jobs.outbox import Outbox
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs
from connector.jobs.tables import workers as workers_table

PATIENCE = 60.0
"""Seconds to watch: for the old runs to end, and for new ones to begin."""


def lease_loss(database: Database, worker: str | None, by: str, outbox: Outbox) -> None:
    """Evict a worker (the busiest unless named), hand back what it runs, and tell what follows."""
    running = database.read(_running)
    if worker is None:
        worker = max(running, key=lambda each: len(running[each]), default=None)
    if worker is None or worker not in running:
        there = ", ".join(running) or "none"
        complain(f"this drill wants a worker that runs something; there is {there}")
    tokens = running[worker]
    console = Console()
    console.print(f"taking the lease of worker {worker}, which runs {len(tokens)} actions")
    begun = time.monotonic()
    if not database.run(workers.evict, worker):
        complain(f"worker {worker} has just ended by itself")
    workers.rescue(database, f"{by} drill", outbox=outbox)
    database.notify({""})
    again: dict[str, float] = {}
    while len(again) < len(tokens) and time.monotonic() - begun < PATIENCE:
        for token, job in database.read(reading.get, tokens).items():
            moved = job.state is not State.QUEUED
            if moved and token not in again:
                again[token] = time.monotonic() - begun
        time.sleep(0.05)
    console.print(_table(database, tokens, again))
    console.print(
        "Each action was handed back once and began anew. Writes of the old run that came too late "
        "were refused, and are told as 'fenced' in its trail: webex-connector log TOKEN"
    )


def _table(database: Database, tokens: list[str], again: Mapping[str, float]) -> Table:
    headers = ("token", "state now", "attempt", "losses", "failures", "back after", "refused")
    shown = table(*headers, whole={"token": TOKEN})
    found: Mapping[str, Job] = database.read(reading.get, tokens)
    for token in tokens:
        trail = database.read(reading.trail, token)
        refused = sum(event.event == "fenced" for event in trail)
        after = f"{again[token]:.2f} s" if token in again else "not yet: is another slot free?"
        job = found.get(token)
        if job is not None:
            counts = (str(job.attempt), str(job.losses), str(job.failures))
            shown.add_row(token, str(job.state), *counts, after, str(refused))
    return shown


def _running(tx: Tx) -> dict[str, list[str]]:
    """Return the tokens that each registered worker runs."""
    there = sa.select(workers_table.c.id)
    select = sa.select(jobs.c.worker_id, jobs.c.token).where(is_open(State.RUNNING))
    found: dict[str, list[str]] = {}
    for row in tx.execute(select.where(jobs.c.worker_id.in_(there)).order_by(jobs.c.token)):
        found.setdefault(row.worker_id, []).append(row.token)
    return found
