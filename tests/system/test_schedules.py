"""Schedules with everything real: processes, a kill, restarts, a changed configuration."""

from collections.abc import Iterator
from typing import Any

import pytest

from connector.jobs import reading, schedules
from connector.jobs.job import Job
from connector.jobs.states import State
from connector.sandbox.process import SandboxProcess
from tests.system.conftest import Server, eventually, postgresql


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=2, messages=20, files=0) as running:
        yield running


def start(server: Server, sandbox: SandboxProcess, **schedule: str) -> None:
    server.start(
        "serve",
        CONNECTOR_WEBEX_BASEURL=sandbox.base_url,
        CONNECTOR_WEBEX_ACCESSTOKEN=sandbox.token,
        CONNECTOR_SERVER_WORKERS="2",
        CONNECTOR_FETCHTASKS_0="ONE",
        **{f"CONNECTOR_ONE_SCHEDULE{key.upper()}": value for key, value in schedule.items()},
    )


def jobs(server: Server) -> list[Job]:
    """Return the actions that were stored, when none of them is under way."""

    def over() -> list[Job] | None:
        found = server.database.read(reading.page, "Fetch")
        return found if all(job.final for job in found) else None

    found: list[Job] = eventually("all have ended", over)
    return found


def row(server: Server) -> Any:
    (found,) = server.database.read(schedules.listed)
    return found


@postgresql
def test_a_schedule_outlives_kills_and_takes_up_changes(
    server: Server, sandbox: SandboxProcess
) -> None:
    start(server, sandbox, RepeatSecs="86400")
    (first,) = jobs(server)
    assert first.state is State.FINISHED, first
    documents = server.folder / "data" / "documents" / "ONE"
    assert list(documents.glob("page-*.jsonl"))
    due = row(server).due_at
    server.kill()

    start(server, sandbox, RepeatSecs="86400")
    by_hand = server.ask("Fetch", FetchAction="Synchronize").findtext("token")
    assert by_hand and server.ended("Fetch", by_hand).findtext("status") == "Finished"
    assert {job.token for job in jobs(server)} == {first.token, by_hand}
    assert (row(server).due_at, row(server).runs) == (due, 1)
    assert server.end() == 0

    start(server, sandbox, RepeatSecs="1", Cycles="2")
    eventually("both runs are over", lambda: row(server).due_at is None)
    assert row(server).runs == 2
    states = [job.state for job in jobs(server)]
    assert set(states) == {State.FINISHED} and 3 <= len(states) <= 4, "one may serve two times"
    assert server.end() == 0
