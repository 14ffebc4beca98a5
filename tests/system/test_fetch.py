"""The main job with everything real: HTTP, database, processes, kills, documents."""

import hashlib
import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector.sandbox.process import SandboxProcess
from tests.system.conftest import Server, eventually, postgresql, two_engines


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=6, messages=240, files=6, throttle_every=60) as running:
        yield running


def start(server: Server, sandbox: SandboxProcess, *tasks: str, **environment: str) -> None:
    server.start(
        "serve",
        CONNECTOR_WEBEX_BASEURL=sandbox.base_url,
        CONNECTOR_WEBEX_ACCESSTOKEN=sandbox.token,
        CONNECTOR_WEBEX_PAGESIZE="10",
        **{f"CONNECTOR_FETCHTASKS_{number}": task for number, task in enumerate(tasks)},
        **environment,
    )


def synchronize(server: Server, **parameters: str) -> str:
    data = server.ask("Fetch", FetchAction="Synchronize", **parameters)
    (token,) = data
    assert token.tag == "token" and token.text
    return token.text


def delivered(folder: Path) -> tuple[Counter[str], dict[str, str]]:
    """Return lines without token, attempt and task, and files by their digest."""
    lines: Counter[str] = Counter()
    for page in folder.glob("page-*.jsonl"):
        for line in page.read_bytes().splitlines():
            record: dict[str, Any] = json.loads(line)
            lines[repr(sorted(x for x in record.items() if x[0] not in IGNORED))] += 1
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("files/*")}
    return lines, files


IGNORED = ("token", "attempt", "task")


def test_an_action_over_http_becomes_documents(server: Server, sandbox: SandboxProcess) -> None:
    start(server, sandbox, "ONE")
    token = synchronize(server)
    ended = server.ended("Fetch", token)
    assert [child.tag for child in ended] == [
        "status",
        "queued_time",
        "time_in_queue",
        "process_start_time",
        "time_processing",
        "process_end_time",
        "documentcounts",
        "fetchaction",
        "tasks",
        "token",
    ]
    assert ended.findtext("status") == "Finished" and ended.findtext("token") == token
    assert ended.findtext("tasks/success") == "ONE"
    expected = sandbox.expected()
    count = ended.find("documentcounts/documentcount")
    assert count is not None
    assert int(count.get("added", 0)) == expected["messages"] + expected["files"]
    lines, files = delivered(server.folder / "data" / "documents" / "ONE")
    assert lines.total() == int(count.get("added", 0)) and len(files) == expected["files"]
    assert server.end() == 0


@postgresql
def test_progress_is_told_while_it_runs(server: Server, sandbox: SandboxProcess) -> None:
    sandbox.control("latency", ms=50)
    start(server, sandbox, "ONE")
    token = synchronize(server)
    told = eventually(
        "progress is told", lambda: server.status("Fetch", token).findtext("progress/messages")
    )
    assert int(told) > 0
    running = server.status("Fetch", token)
    assert running.findtext("status") == "Processing"
    assert running.find("process_end_time") is None and running.find("error") is None
    stopped = server.ask("QueueInfo", QueueName="fetch", QueueAction="stop", Token=token)
    assert stopped.findtext("actions/action/status") == "Processing"
    assert server.ended("Fetch", token).findtext("status") == "Stopped"


@two_engines
def test_a_second_synchronize_of_a_task_waits_and_holds_no_slot(
    server: Server, sandbox: SandboxProcess
) -> None:
    sandbox.control("latency", ms=40)
    start(server, sandbox, "ONE", "TWO")
    first = synchronize(server, TaskSections="one")
    second = synchronize(server, TaskSections="ONE")
    other = synchronize(server, TaskSections="two")
    eventually(
        "the other task runs beside the first",
        lambda: server.status("Fetch", other).findtext("status") == "Processing",
    )
    assert server.status("Fetch", first).findtext("status") == "Processing"
    assert server.status("Fetch", second).findtext("status") == "Queued"
    sandbox.control("latency", ms=0)
    assert server.ended("Fetch", first).findtext("status") == "Finished"
    assert server.ended("Fetch", second).findtext("status") == "Finished"
    first_job, second_job = server.job(first), server.job(second)
    assert first_job.ended_at and second_job.started_at
    assert second_job.started_at >= first_job.ended_at


@postgresql
def test_killed_at_random_it_delivers_what_one_never_killed_delivers(
    server: Server, sandbox: SandboxProcess
) -> None:
    chance = random.Random(2026)
    environment = {"CONNECTOR_ACTIONS_MAXATTEMPTS": "100", "CONNECTOR_ACTIONS_RETRYSECONDS": "0"}
    documents = server.folder / "data" / "documents"
    start(server, sandbox, "CALM", "KILLED", **environment)
    calm = server.ended("Fetch", synchronize(server, TaskSections="CALM"))
    sandbox.control("latency", ms=15)
    token = synchronize(server, TaskSections="KILLED")
    for victim in ("slot", "worker", "slot", "everything", "worker", "slot", "supervisor"):
        _wait_for_pages(server, documents / "KILLED", token, chance.randint(1, 3))
        if server.job(token).final:
            break
        _kill(server, victim)
        if victim in ("everything", "supervisor"):
            assert server.process is not None
            server.process.wait()
            start(server, sandbox, "CALM", "KILLED", **environment)
    ended = server.ended("Fetch", token)
    assert server.job(token).attempt > 3
    assert ended.findtext("status") == "Finished"
    assert delivered(documents / "KILLED") == delivered(documents / "CALM")
    assert _counts(ended) == _counts(calm)


def _wait_for_pages(server: Server, folder: Path, token: str, more: int) -> None:
    wanted = len(list(folder.glob("page-*"))) + more

    def there() -> bool:
        return len(list(folder.glob("page-*"))) >= wanted or server.job(token).final

    eventually(f"{more} more pages are there", there)


def _counts(action: Any) -> dict[str, str]:
    return {k: v for k, v in action.find("documentcounts/documentcount").items() if k != "task"}


def _kill(server: Server, victim: str) -> None:
    family = server.family()
    match victim:
        case "slot":
            doomed = server.processes("connector.worker.slot")
        case "worker":
            doomed = server.processes("connector.worker.start")
        case "supervisor":
            doomed = family[:1]
        case _:
            doomed = family
    for process in doomed:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
