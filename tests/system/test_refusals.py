"""What keeps a command from beginning: one sentence each, exit status 2, never a traceback."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.db.engine import Database
from tests.commands import Program, checkout, migrated

# Root may write everywhere. This starts a command without that right (capability 1,
# CAP_DAC_OVERRIDE, taken from the bounding set by prctl 24); other users do not have it anyway.
PLAIN_RIGHTS = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) and os.geteuid() == 0:
    sys.exit("root cannot give up its right to write everywhere")
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program in an empty folder, where its data folder will be."""
    return checkout(tmp_path)


@pytest.fixture
def ready(tmp_path: Path) -> Program:
    """The program with a migrated database."""
    return migrated(tmp_path)


def plain(program: Program) -> Program:
    """Return the program as a user runs it that may not write everywhere."""
    return replace(program, command=(sys.executable, "-c", PLAIN_RIGHTS, *program.command))


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence with which a command refused."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    name, colon, sentence = line.partition(": ")
    assert (name, colon) == ("webex-connector", ": ")
    return sentence


def change(program: Program, statement: str) -> None:
    """Change the database as somebody else might."""
    with contextlib.closing(sqlite3.connect(program.folder / "data/connector.db")) as database:
        database.execute(statement)
        database.commit()


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


def test_a_port_in_use_is_named_with_the_setting_to_change(ready: Program, taken_port: str) -> None:
    said = refusal(ready.run("serve", "--port", taken_port))
    assert f"cannot listen on 127.0.0.1:{taken_port}: Address already in use" in said
    assert "[Server] Port or --port" in said


def test_a_second_server_on_one_sqlite_file_is_refused_and_the_first_stays(
    ready: Program,
) -> None:
    with ready.running("serve", SERVER_WORKERS="0") as first:
        said = refusal(ready.run("serve", "--port", "0"))
        assert f"another server uses the SQLite file {ready.folder}/data/connector.db" in said
        assert first.process.poll() is None
        assert first.end() == 0
    with ready.running("serve", SERVER_WORKERS="0") as later:
        assert later.end() == 0


def test_work_on_another_hosts_sqlite_file_is_refused(ready: Program) -> None:
    (ready.folder / "data/connector.db-host").write_text("elsewhere\n")
    said = refusal(ready.run("work"))
    assert "belongs to the host elsewhere; several hosts need PostgreSQL" in said


def test_a_data_folder_that_cannot_be_made_is_named(program: Program) -> None:
    (program.folder / "file").touch()
    folder = f"{program.folder}/file/data"
    said = refusal(program.run("serve", PATHS_DATADIRECTORY=folder))
    assert folder in said
    assert "Not a directory" in said
    assert "[Paths] DataDirectory" in said


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_data_folder_without_the_right_to_write_is_named(program: Program, command: str) -> None:
    folder = program.folder / "data"
    folder.mkdir(mode=0o500)
    said = refusal(plain(program).run(command))
    assert str(folder) in said
    assert "[Paths] DataDirectory" in said
    assert list(folder.iterdir()) == []


def test_a_database_in_a_folder_without_the_right_to_write_is_named(ready: Program) -> None:
    folder = ready.folder / "other"
    (ready.folder / "data").rename(folder)
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    said = refusal(plain(ready).run("serve", DATABASE_URL=f"sqlite:///{folder}/connector.db"))
    assert f"{folder}/connector.db cannot be used: " in said


def test_without_tables_it_says_to_migrate(program: Program, empty_url: str) -> None:
    said = refusal(program.run("serve", DATABASE_URL=empty_url))
    assert said.endswith("with: webex-connector migrate")
    database = Database(empty_url)
    if database.dialect.missing(database.engine.url):
        assert not (program.folder / "connector.db").exists(), "made an empty file"
    database.close()


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_tables_of_another_product_are_not_touched(ready: Program, command: str) -> None:
    change(ready, "UPDATE schema_info SET product = 'another product'")
    change(ready, "DELETE FROM alembic_version")
    said = refusal(ready.run(command))
    assert "belong to 'another product', not to webex-connector" in said


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_the_schema_of_a_newer_program_says_to_upgrade_this_one(
    ready: Program, command: str
) -> None:
    change(ready, "UPDATE schema_info SET version = 99, oldest_program = '9.1'")
    change(ready, "UPDATE alembic_version SET version_num = '0099'")
    said = refusal(ready.run(command))
    assert "the schema has version 99" in said
    assert "it needs webex-connector 9.1 or later: upgrade this program" in said


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_file_that_is_no_database_is_left_as_it_is(program: Program, command: str) -> None:
    file = program.folder / "letter.txt"
    file.write_bytes(content := os.urandom(9000))
    said = refusal(program.run(command, DATABASE_URL=f"sqlite:///{file}"))
    assert f"{file} cannot be used: file is not a database" in said
    assert file.read_bytes() == content


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_postgresql_out_of_reach_is_named_without_its_password(
    program: Program, command: str
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        url = f"postgresql://someone:hush@{address}/actions"
        said = refusal(program.run(command, DATABASE_URL=url))
    assert f"someone:***@{address}/actions cannot be used: " in said
    assert "Connection refused" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("SERVER_PORT", "seventy", '"seventy": expected a whole number'),
        ("SERVER_HOST", "a b", '"a b": expected an address or a name of this machine'),
        ("DATABASE_URL", "oracle://scott:tiger@host/db", "expected sqlite:///"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_source_and_what_would_be_right(
    program: Program, setting: str, value: str, expected: str
) -> None:
    said = refusal(program.run("serve", **{setting: value}))
    assert f"(environment CONNECTOR_{setting})" in said
    assert expected in said
    assert "tiger" not in said


def test_a_configuration_file_that_is_not_there_is_named(program: Program) -> None:
    said = refusal(program.run("serve", "--config", "nothing.cfg"))
    assert said == "nothing.cfg: cannot be read: No such file or directory; name a file that can"
