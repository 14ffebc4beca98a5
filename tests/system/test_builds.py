"""A program whose files are replaced while it runs ends in order, to be started anew."""

import shutil
from pathlib import Path

import pytest

from connector.jobs.states import State
from connector.process import OTHER_BUILD
from tests.commands import ROOT
from tests.system.conftest import DEADLINE, Server, eventually


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
@pytest.mark.parametrize("victim", ["slot", "start"])
def test_a_child_of_another_build_is_refused(server: Server, tmp_path: Path, victim: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "connector", copy / "connector")
    shutil.copytree(ROOT / "migrations", copy / "migrations")
    server.package, server.keep_log = str(copy), True
    server.start()
    token = server.submit("sleep")
    started = eventually("it starts", lambda: server.traced("start", token))[0]
    other = "\n# Another build.\n"
    with open(copy / "connector/jobs/states.py", "a", encoding="utf-8") as file:
        file.write(other)
    for process in server.processes(f"connector.worker.{victim}"):
        if process.pid != int(started[3]):
            process.kill()
    assert server.process is not None
    assert server.process.wait(DEADLINE) == OTHER_BUILD
    server.process = None
    assert server.logged("the program's files were replaced")
    job = server.job(token)
    assert (job.state, job.failures) == (State.QUEUED, 0)
    server.start()
    server.wait(server.submit("nothing"), State.FINISHED)
