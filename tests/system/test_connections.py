"""Who is connected to the server, and how often, while everything is busy."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx2
import psutil
import pytest
import sqlalchemy as sa

from connector.actions.registry import BUILT_IN
from connector.cli import connections
from connector.client import ClientError
from connector.config import load
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from connector.sandbox.process import SandboxProcess
from tests.roles import SCHEMA
from tests.system.conftest import Server, eventually

SETTINGS = {
    "Server.Workers": "2",
    "Database.URL": "postgresql://db/c",
}
CONNECTED = sa.text(
    "SELECT split_part(application_name, '/', 1), usename FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE '%/%'"
)
FORGET = sa.text("SELECT pg_stat_clear_snapshot()")
LOCK = sa.text("LOCK TABLE webex_connector.jobs IN ACCESS EXCLUSIVE MODE")
PASSWORDS = "CONNECTOR_DATABASE_"


@pytest.fixture(params=["postgresql"])
def server(server: Server) -> Server:
    return server


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=8, messages=400, files=4) as running:
        yield running


def start(server: Server, sandbox: SandboxProcess) -> list[str]:
    """Start a server with the settings, and return its fetch tasks."""
    names = ["ONE", "TWO", "THREE", "FOUR"]
    given = {f"CONNECTOR_{k.upper().replace('.', '_')}": text for k, text in SETTINGS.items()}
    given |= {f"CONNECTOR_FETCHTASKS_{number}": name for number, name in enumerate(names)}
    server.start(
        "serve",
        **given
        | {
            "CONNECTOR_DATABASE_URL": server.url,
            "CONNECTOR_WEBEX_BASEURL": sandbox.base_url,
            "CONNECTOR_WEBEX_ACCESSTOKEN": sandbox.token,
            "CONNECTOR_WEBEX_PAGESIZE": "5",
        },
    )
    return names


def client(server: Server, number: int, tasks: list[str], over: threading.Event) -> None:
    """Ask for one of the things that clients ask for, again and again, until it is over."""
    for turn in itertools.count():
        if over.is_set():
            return
        try:
            match number % 5:
                case 0:
                    task = tasks[turn % len(tasks)]
                    server.ask("Fetch", FetchAction="Synchronize", TaskSections=task)
                case 1:
                    server.ask("QueueInfo", QueueName="Fetch", QueueAction="GetStatus")
                case 2:
                    token = server.ask("Test", Do="nothing").findtext("token", "")
                    server.status("Test", token)
                case 3:
                    token = server.ask("Test", Do="nothing").findtext("token", "")
                    stop = {"QueueAction": "Cancel", "Token": token}
                    server.ask("QueueInfo", QueueName="Test", **stop)
                case 4:
                    httpx2.get(f"{server.address}readyz", trust_env=False, timeout=30)
        except ClientError:
            continue  # it ran before it was cancelled, or the database was busy


def test_no_kind_of_process_has_more_connections_than_the_formula_says(
    server: Server, sandbox: SandboxProcess
) -> None:
    tasks = start(server, sandbox)
    settings = load(None, {}, SETTINGS).settings
    # Of the others nobody sends one here.
    allowed = Counter(connections.most(settings, ["Fetch"], listens=True))
    del allowed["events"]  # nobody is to be told of any
    assert sum(allowed.values()) == 5 + 1 + 2 * (5 + 2)
    slots = connections.most(settings, BUILT_IN, listens=True)["slot"]
    assert slots == 2 * 2 * len(BUILT_IN)
    seen: Counter[str] = Counter()
    users: set[tuple[str, str]] = set()
    over = threading.Event()
    with server.database.engine.connect() as watching, ThreadPoolExecutor(12) as clients:

        def look() -> bool:
            if seen["worker"] < allowed["worker"]:  # it has three when many end and more wait
                short = [NewJob(new_token(), "Test", {"Do": "nothing"}) for _ in range(2000)]
                server.database.run(submit.submit, short)
                server.database.notify({"Test"})
            for locked in (False, True):
                with watching.begin():
                    if locked:  # whoever needs the table waits, each on a connection
                        watching.execute(LOCK)
                    end = time.monotonic() + 0.3
                    while time.monotonic() < end:
                        connected = [(row[0], row[1]) for row in watching.execute(CONNECTED)]
                        watching.execute(FORGET)
                        users.update(connected)
                        found = Counter(kind for kind, _ in connected)
                        seen.update({kind: max(0, n - seen[kind]) for kind, n in found.items()})
            return seen == allowed

        running = [clients.submit(client, server, n, tasks, over) for n in range(12)]
        try:
            eventually(f"so many are connected: {allowed}", look, 60)
            look()
        finally:
            over.set()
        for asked in running:
            asked.result()
    assert seen == allowed
    roles = dict.fromkeys(allowed, f"{SCHEMA}_worker")
    assert users == set({**roles, **{k: f"{SCHEMA}_{k}" for k in ("http", "slot")}}.items())
    assert server.end() == 0


def test_no_process_finds_urls_of_the_database_in_its_environment(
    server: Server, sandbox: SandboxProcess
) -> None:
    start(server, sandbox)
    modules = {"connector.aci.server": 1, "connector.worker.start": 2, "connector.worker.slot": 4}
    for module, count in modules.items():
        ready = partial(running, server, module, count)
        for process in eventually(f"{module} has started", ready):
            names = process.environ()
            assert "PATH" in names
            assert [name for name in names if name.startswith(PASSWORDS)] == []
    assert server.end() == 0


def running(server: Server, module: str, count: int) -> list[psutil.Process] | None:
    """Return the processes of a module once there are so many."""
    found = server.processes(module)
    return found if len(found) >= count else None
