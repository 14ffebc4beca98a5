"""What an SQLite database has on the disk is for its owner alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.db.engine import Database
from tests.commands import Program, checkout
from tests.conftest import migrate


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The most that a host may give away by default."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("open_umask")
def test_folder_and_files_of_a_new_database_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    database = Database(f"sqlite:///{folder}/connector.db")
    migrate(database)
    database.dialect.other_host(database.engine.url, "here")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM jobs")
        found = modes(folder)
    database.close()
    assert {"connector.db", "connector.db-wal", "connector.db-shm", "connector.db-host"} <= set(
        found
    )
    assert set(found.values()) == {0o600}, found
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.usefixtures("open_umask")
def test_what_is_there_already_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "connector.db").touch(mode=0o644)
    database = Database(f"sqlite:///{folder}/connector.db")
    migrate(database)
    database.close()
    assert modes(folder)["connector.db"] == 0o644
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.usefixtures("open_umask")
def test_the_commands_make_a_private_data_folder(tmp_path: Path) -> None:
    program: Program = checkout(tmp_path)
    assert program.run("migrate").returncode == 0
    with program.running("serve") as serving:
        assert serving.end() == 0
    data = tmp_path / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    files = {name: mode for name, mode in modes(data).items() if name.startswith("connector.db")}
    assert files and set(files.values()) == {0o600}, files
