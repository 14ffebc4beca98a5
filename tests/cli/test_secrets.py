"""`secrets rotate`, `forget`, `accept`, and what `check` and `doctor` say of the key file."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.actions import keys
from connector.cli import checking, doctor
from connector.cli.secrets import secrets
from connector.config import Settings, keyfile, load
from connector.db import secret_keys
from connector.db.engine import Database


@pytest.fixture
def settings(
    empty_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Of a host that has been started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", empty_url)
    monkeypatch.setenv("CONNECTOR_PATHS_KEYFILE", str(tmp_path / "key"))
    given = {name: str(value) for name, value in _environment(empty_url, tmp_path).items()}
    found = load(None, given, {}, ("Test",)).settings
    assert keys.prepare(database, found.paths.keys) is None
    return found


def _environment(url: str, folder: Path) -> dict[str, object]:
    return {"CONNECTOR_DATABASE_URL": url, "CONNECTOR_PATHS_KEYFILE": folder / "key"}


def ran(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(secrets, arguments)
    assert done.exit_code == status, done.output
    return done.output


def test_a_rotation_and_a_forgetting_keep_what_all_hosts_must_have_right(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    path, other = settings.paths.keys, tmp_path / "of-another-host"
    other.write_bytes(path.read_bytes())
    assert "2 keys decrypt" in ran("rotate")
    recorded = database.read(secret_keys.recorded)
    assert recorded == tuple(keyfile.fingerprints(path)) and len(recorded) == 2
    assert "newer key" in str(keys.objection(other, recorded))
    assert "1 older keys are gone" in ran("forget", "--yes")
    recorded = database.read(secret_keys.recorded)
    assert recorded == tuple(keyfile.fingerprints(path)) and len(recorded) == 1
    assert "not the key file of the other hosts" in str(keys.objection(other, recorded))


@pytest.mark.parametrize("command", [("rotate",), ("forget", "--yes")])
def test_a_host_with_another_key_file_changes_nothing(
    database: Database, settings: Settings, command: tuple[str, ...]
) -> None:
    path, recorded = settings.paths.keys, database.read(secret_keys.recorded)
    path.unlink()
    keyfile.make(path)
    before = path.read_bytes()
    assert "copy the key file" in ran(*command, status=2)
    assert path.read_bytes() == before and database.read(secret_keys.recorded) == recorded


def test_a_new_file_is_accepted_where_the_earlier_one_is_lost(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings.paths.keys
    path.unlink()
    with pytest.raises(checking.Problem, match="cannot be read; copy it from another host"):
        checking._keys(settings)
    keyfile.make(path)
    with pytest.raises(checking.Problem, match="copy the key file of the other host"):
        checking._keys(settings)
    (finding,) = doctor.key_file(database, settings)
    assert "not the key file of the other hosts" in finding.problem
    assert "copy the key file" in finding.remedy
    assert "from now on" in ran("accept", "--yes")
    path.unlink()
    assert "from now on" in ran("accept", "--yes") and path.stat().st_mode & 0o777 == 0o600
    assert checking._keys(settings) == f"{path} is that of all hosts"
    assert list(doctor.key_file(database, settings)) == []
