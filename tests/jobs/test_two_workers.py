"""Two worker processes and many actions: each runs exactly once, counted outside the database."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs

JOBS = 500

WORKER = """
import os, sys
from connector.db.engine import Database
from connector.jobs import claim, outcomes, workers
from connector.jobs.token import new_token

url, trace = sys.argv[1:]
database, me = Database(url, patience=30.0, statement_seconds=30.0), new_token()
database.run(workers.register, workers.Worker(me, "host", "boot", 1, "0", {}), {"Test": 60.0})
print("ready", flush=True)
sys.stdin.readline()
file = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
while runs := database.run(claim.claim, "Test", me, 3):
    for run in runs:
        os.write(file, f"{run.token} {me}\\n".encode())
        database.run(outcomes.finish, run, {})
"""


def test_each_of_many_runs_exactly_once(kit: Jobs, empty_url: str, tmp_path: Path) -> None:
    tokens = [new_token() for _ in range(JOBS)]
    kit.database.run(submit.submit, [NewJob(token, "Test", {}) for token in tokens])
    trace = tmp_path / "trace"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, empty_url, str(trace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    lines = [line.split() for line in trace.read_text().splitlines()]
    assert Counter(token for token, _ in lines) == Counter(tokens)
    assert len({worker for _, worker in lines}) == 2, "both took part"
    assert {kit.state(token) for token in tokens} == {State.FINISHED}
