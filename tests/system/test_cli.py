"""The commands as people type them, against real servers and a real stand-in for Webex."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.sandbox.process import SandboxProcess
from tests.commands import SECONDS, Program, Serving, gone, migrated
from tests.system.conftest import eventually

pytestmark = pytest.mark.xdist_group("commands")

TOLD = {
    "serve": ("--config", "--database", "--port", "Ctrl-C", "Exit status 2"),
    "check": ("--config", "Exit status 0", "database and Webex"),
    "sandbox": ("--rooms", "--messages", "--seed", "CONNECTOR_WEBEX_BASEURL"),
    "send": ("action", "Name=value", "--wait", "--server", "send Fetch FetchAction=Synchronize"),
    "status": ("token", "--queue", "--server", "newest first"),
    "cancel": ("token", "--reason", "--server", "never starts"),
    "stop": ("token", "--reason", "--server", "End an action at any point"),
    "version": ("version",),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A small stand-in for Webex."""
    with SandboxProcess(rooms=2, messages=12) as running:
        yield running


@pytest.fixture
def empty(tmp_path: Path) -> Program:
    """The program with a database that nothing has used."""
    return migrated(tmp_path)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with a migrated database."""
    return migrated(tmp_path_factory.mktemp("commands"))


@pytest.fixture(scope="module")
def server(program: Program, sandbox: SandboxProcess) -> Iterator[Serving]:
    """A running server with one task."""
    settings = {
        "FETCHTASKS_0": "DEMO",
        "WEBEX_BASEURL": sandbox.base_url,
        "WEBEX_ACCESSTOKEN": sandbox.token,
    }
    with program.running("serve", **settings) as running:
        yield running


@pytest.mark.parametrize("command", TOLD)
def test_help_tells_what_a_command_does_and_takes(command: str, program: Program) -> None:
    done = program.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.replace("│", " ").split())
    assert f"webex-connector {command}" in told
    for part in TOLD[command]:
        assert part in told, told
    assert "[[" not in told, "a square bracket that was to be shown as one"


def test_help_alone_names_every_command_and_how_to_begin(program: Program) -> None:
    done = program.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in (*TOLD, "work", "migrate"):
        assert f" {command} " in done.stdout
    assert "Begin with" in done.stdout
    assert "demo" not in done.stdout


def test_version_prints_the_version(program: Program) -> None:
    done = program.run("version")
    assert (done.returncode, done.stdout) == (0, f"{connector.__version__}\n")


def test_send_wait_follows_a_fetch_to_its_end(
    program: Program, server: Serving, sandbox: SandboxProcess
) -> None:
    done = program.run("send", "Fetch", "FetchAction=Synchronize", "--wait", "--server", server.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("token ")
    assert "<status>Finished</status>" in done.stdout
    assert 'task="DEMO"' in done.stdout
    documents = sum(sandbox.expected()[name] for name in ("messages", "files"))
    pages = (program.folder / "data/documents/DEMO").glob("page-*.jsonl")
    assert sum(len(page.read_text().splitlines()) for page in pages) == documents
    assert "Finished" in done.stderr, "the progress bar's last line"


def test_what_the_server_refuses_is_told_in_its_own_sentence(
    program: Program, server: Serving
) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    for arguments, sentence in (
        (("send", "Nonsense"), "The requested action 'Nonsense' was not recognised"),
        (("status", unknown), f"Fetch has no action {unknown}"),
        (("cancel", "no-token"), "Token cannot be 'no-token'"),
    ):
        done = program.run(*arguments, "--server", server.url)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("webex-connector: ")
        assert sentence in line


def test_a_server_that_is_not_there_is_told_with_what_to_start(program: Program) -> None:
    done = program.run("status", "--server", "http://127.0.0.1:1/")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "no answer from http://127.0.0.1:1/" in line
    assert "is `webex-connector serve` running there?" in line


def test_status_cancel_and_stop_take_the_token_that_send_prints(empty: Program) -> None:
    with empty.running("serve", SERVER_WORKERS="0", FETCHTASKS_0="DEMO") as server:

        def told(*arguments: str) -> str:
            done = empty.run(*arguments, "--server", server.url)
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout.strip()

        tokens = [told("send", "fetch", "fetchaction=synchronize") for _ in range(2)]
        assert "<status>Queued</status>" in told("status", tokens[0])
        assert told("cancel", tokens[0]) == "Cancelled"
        assert told("stop", tokens[1]) == "Cancelled"
        lines = [line for line in told("status").splitlines() if "Cancelled" in line]
        assert [line.split()[1] for line in lines] == [tokens[1], tokens[0]]


def test_cancel_and_stop_need_no_server(empty: Program) -> None:
    with empty.running("serve", SERVER_WORKERS="0", FETCHTASKS_0="DEMO") as server:
        sent = ("send", "Fetch", "FetchAction=Synchronize", "--server", server.url)
        tokens = [empty.run(*sent).stdout.strip() for _ in range(2)]
    done = empty.run("cancel", tokens[0], "--reason", "not wanted")
    assert (done.returncode, done.stdout.strip()) == (0, f"{tokens[0]} is cancelled")
    assert empty.run("stop", tokens[1]).stdout.strip() == f"{tokens[1]} is cancelled"
    assert "not wanted" in empty.run("log", tokens[0]).stdout
    again = empty.run("cancel", "00000000-0000-7000-8000-000000000000")
    assert again.returncode == 1 and "no action has the token" in again.stderr


def test_clients_find_the_server_of_this_folder(empty: Program) -> None:
    with empty.running("serve", SERVER_WORKERS="0") as server:
        port = server.url.rpartition(":")[2].strip("/")
        (empty.folder / "webex-connector.cfg").write_text(f"[Server]\nPort={port}\n")
        assert empty.run("status").returncode == 0
    done = empty.run("status")
    assert "--server or WEBEX_CONNECTOR_URL names another" in done.stderr


def test_ctrl_c_ends_every_process_with_status_0(empty: Program) -> None:
    with empty.running("serve") as server:
        family = eventually(
            "http, worker and slot run", lambda: f if len(f := server.family()) == 4 else None
        )
        server.ask("GetVersion")
        os.killpg(server.process.pid, signal.SIGINT)  # a terminal signals its foreground group
        assert server.process.wait(SECONDS) == 0
        assert all(map(gone, family))
    assert "Traceback" not in server.errors.read_text()
