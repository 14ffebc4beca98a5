"""Settings of one request on their way to a fetch, with everything real."""

import base64
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from connector.client import Refused
from connector.config import load
from connector.db.engine import Tx
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.tables import job_events, jobs
from connector.jobs.token import new_token
from connector.jobs.why import why
from connector.sandbox.process import SandboxProcess
from tests.system.conftest import Server, eventually, postgresql, sqlite

ROOMS = 4


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=ROOMS, messages=120, files=0, throttle_every=0) as running:
        yield running


def given(sandbox: SandboxProcess, **more: str) -> dict[str, str]:
    return {
        "CONNECTOR_WEBEX_BASEURL": sandbox.base_url,
        "CONNECTOR_WEBEX_ACCESSTOKEN": sandbox.token,
        "CONNECTOR_FETCHTASKS_0": "ONE",
        "CONNECTOR_FETCH_MAXIMUMTHREADS": "1",
        "CONNECTOR_LOGGING_LOGLEVEL": "full",
        **more,
    }


def rooms_of(sandbox: SandboxProcess) -> list[str]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    answer = httpx2.get(f"{sandbox.base_url}/rooms", headers=headers, trust_env=False, timeout=30)
    return [room["id"] for room in answer.json()["items"]]


def config(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def fetch(server: Server, **sent: str) -> str:
    token = server.ask("Fetch", FetchAction="Synchronize", **sent).findtext("token")
    assert token
    return token


def delivered(folder: Path) -> dict[str, int]:
    """Return how many messages of each room were delivered."""
    rooms: dict[str, int] = {}
    for page in folder.glob("page-*.jsonl"):
        for line in page.read_bytes().splitlines():
            room = json.loads(line)["metadata"]["room_id"]
            rooms[room] = rooms.get(room, 0) + 1
    return rooms


def row_of(server: Server, token: str) -> dict[str, Any]:
    found = server.database.read(
        lambda tx: tx.execute(sa.select(jobs).where(jobs.c.token == token)).one()
    )
    return dict(found._mapping)


def trail(server: Server) -> str:
    return str(server.database.read(lambda tx: tx.execute(sa.select(job_events)).all()))


def test_they_change_one_fetch_and_not_the_next_and_stand_nowhere(
    server: Server, sandbox: SandboxProcess
) -> None:
    server.keep_log = True
    handlers = {
        "CONNECTOR_FETCH_ONSTART": "ToFile",
        "CONNECTOR_FETCH_ONFINISH": "ToFile",
        "CONNECTOR_TOFILE_LIBRARYNAME": "TextFileHandler",
        "CONNECTOR_TOFILE_FILEPATH": "events.jsonl",
    }
    server.start("serve", **given(sandbox, **handlers))
    documents = server.folder / "data" / "documents" / "ONE"
    events = server.folder / "data" / "events" / "events.jsonl"
    room, *_ = rooms_of(sandbox)
    sent = config(f"[Webex]\nPageSize=100\n[One]\nRoomIds={room}\n")

    sandbox.control("reset-requests")
    token = fetch(server, Config=sent, **{"[Webex]PageSize": "3"})
    assert server.ended("Fetch", token).findtext("status") == "Finished"
    assert set(delivered(documents)) == {room}
    asked = sandbox.requests()["endpoints"]
    pages = next(count for name, count in asked.items() if "messages" in name)
    assert pages >= delivered(documents)[room] / 3, "by the request's own page size"

    plain = fetch(server)
    assert server.ended("Fetch", plain).findtext("status") == "Finished"
    assert set(delivered(documents)) == set(rooms_of(sandbox)), "no later run misses anything"
    assert sum(delivered(documents).values()) == sandbox.expected()["messages"]

    first, second = row_of(server, token), row_of(server, plain)
    base = second["config_hash"]
    assert first["config_hash"].startswith(f"{base}+") and len(base) == 12
    eventually("events are written", lambda: events.exists() and events.read_text().count("\n") > 3)
    verbs = ("GetStatus", "GetActionParameters", "Progress", "Why")
    answers = [
        ET.tostring(server.ask("QueueInfo", QueueName="Fetch", QueueAction=verb, Token=token))
        for verb in verbs
    ]
    answers += [ET.tostring(server.ask("GetRequestLog"))]
    assert server.end() == 0
    told = {
        "row": str({**first, "result": None}),
        "trail": trail(server),
        "log": server.log.read_text(),
        "events": events.read_text(),
        "answers": b"".join(answers).decode(),
    }
    for where, text in told.items():
        for hidden in (room, sent, sent.rstrip("="), "PageSize=3", "PageSize%5D=3"):
            assert hidden not in text, where


@postgresql
def test_another_host_runs_it_with_its_own_file_and_says_which_configuration_that_was(
    server: Server, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    key = {"CONNECTOR_PATHS_KEYFILE": str(tmp_path / "key")}
    here = given(sandbox, CONNECTOR_SERVER_WORKERS="0", CONNECTOR_WEBEX_MAXRETRIES="1", **key)
    there = given(sandbox, CONNECTOR_WEBEX_MAXRETRIES="2", **key)
    server.start("serve", **here)
    room, *_ = rooms_of(sandbox)
    token = fetch(server, **{"[FetchTasks]RoomIds": room})
    plain = fetch(server)
    took = row_of(server, plain)["config_hash"]
    assert took == _hash(here, server)
    assert row_of(server, token)["config_hash"].startswith(f"{took}+")
    brought = row_of(server, token)["config_hash"].partition("+")[2]

    other = Server(server.url, tmp_path / "other")
    other.logins = server.logins
    other.folder.mkdir()
    other.start("work", **there)
    try:
        server.wait(token, State.FINISHED)
        server.wait(plain, State.FINISHED)
        assert row_of(server, plain)["config_hash"] == _hash(there, other) != took
        assert row_of(server, token)["config_hash"] == f"{_hash(there, other)}+{brought}"
    finally:
        other.kill()
        other.database.close()


def _hash(environment: dict[str, str], server: Server) -> str:
    folder = {"CONNECTOR_PATHS_DATADIRECTORY": str(server.folder / "data")}
    return load(None, {**environment, **folder}, {}).settings.hash


@sqlite
def test_without_the_key_it_waits_and_after_a_restart_it_runs_as_it_was_sent(
    server: Server, sandbox: SandboxProcess
) -> None:
    server.start("serve", **given(sandbox, CONNECTOR_SERVER_WORKERS="0"))
    room, *_ = rooms_of(sandbox)
    token = fetch(server, **{"[One]RoomIds": room})
    assert server.end() == 0
    key = server.folder / "data" / "secret.key"
    kept = key.read_bytes()
    key.unlink()
    key.mkdir()  # so that none is made in its place

    server.start("serve", **given(sandbox))
    eventually("it is handed back", lambda: server.job(token).attempt == 1)
    server.wait(token, State.QUEUED)
    told = server.database.read(why, token)
    assert "KeyFile" in told.explanation and room not in told.explanation
    assert server.end() == 0

    key.rmdir()
    key.write_bytes(kept)
    server.database.run(_due, token)
    server.start("serve", **given(sandbox))
    server.wait(token, State.FINISHED)
    assert set(delivered(server.folder / "data" / "documents" / "ONE")) == {room}


@sqlite
def test_what_a_worker_of_another_version_may_not_set_it_leaves_to_another_one(
    server: Server, sandbox: SandboxProcess
) -> None:
    """Nor does a row that somebody has written by hand send the token elsewhere."""
    server.start("serve", **given(sandbox))
    brought = {"Webex": {"BaseURL": ["https://elsewhere.example"]}}
    fetch_one = {"FetchAction": "Synchronize", "TaskSections": "ONE"}
    job = NewJob(new_token(), "Fetch", {**fetch_one, "Config": brought}, ("ONE",))
    server.database.run(submit.submit, [job])
    server.database.notify({"Fetch"})
    eventually("it is handed back", lambda: server.job(job.token).attempt == 1)
    handed_back = server.wait(job.token, State.QUEUED)
    assert (handed_back.failures, handed_back.losses) == (0, 0)
    told = server.database.read(why, job.token).explanation
    assert "[Webex] BaseURL is not a setting that a request may bring" in told
    assert "elsewhere" not in told


def _due(tx: Tx, token: str) -> None:
    now = {"run_at": tx.now, "changed_by": "a DBA"}
    tx.execute(sa.update(jobs).where(jobs.c.token == token).values(now))


@sqlite
def test_neither_the_token_nor_a_document_can_be_sent_elsewhere(
    server: Server, sandbox: SandboxProcess
) -> None:
    """A stand-in that the request names hears nothing: neither a call nor the server's token."""
    server.start("serve", **given(sandbox))
    with SandboxProcess(rooms=1, messages=1, files=0) as elsewhere:
        for sent in (
            {"[Webex]BaseURL": elsewhere.base_url},
            {"Config": config(f"[Webex]\nBaseURL={elsewhere.base_url}\n")},
            {"[One]IngestDirectory": str(server.folder / "taken")},
            {"[One]IngesterType": "null"},
            {"[Paths]KeyFile": str(server.folder / "taken")},
            {"[Webex]AccessTokenFile": "/etc/hostname"},
        ):
            with pytest.raises(Refused) as caught:
                fetch(server, **sent)
            assert caught.value.code == "ERRORPARAMINVALID"
        assert elsewhere.requests()["endpoints"] == {}
    assert not (server.folder / "taken").exists()
    assert server.database.read(_count) == 0


def _count(tx: Tx) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one())
