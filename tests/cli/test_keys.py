"""The command `key`, as it is seen on terminals."""

from pathlib import Path

import pytest

from connector.cli import keys
from connector.db import api_keys
from connector.db.engine import Database
from tests.conftest import fresh_url

LONG = "a-name-of-somebody-without-a-blank-to-break-it-at"


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated SQLite database, where the engine does not matter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return fresh_url("sqlite", request, tmp_path, migrated=True)


@pytest.mark.parametrize("columns", ["60", "80"])
def test_what_the_list_shows_suffices_to_revoke_a_key_however_narrow_it_is(
    url: str, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    database = Database(url)
    made = [
        database.run(api_keys.create, LONG, ["Query", "ServiceStatus"], queues, "cli somebody")
        for queues in (None, ["BackupServer", "PurgeDatastore"])
    ]
    database.close()
    keys.list_keys(database=url)
    listed = capsys.readouterr().out
    assert "…" not in listed
    for key in made:
        identity = api_keys.public_part(key)
        assert identity and identity in listed and len(identity) == api_keys.ID_LENGTH
        keys.revoke(identity, database=url)
        assert f"{identity} is revoked" in capsys.readouterr().out


def test_a_key_held_to_a_queue_is_told_that_a_role_of_the_service_port_gives_nothing(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.create("ci", ["Query", "ServiceStatus"], ["fetch"], database=url)
    assert "note: ServiceStatus concern" in capsys.readouterr().err
    keys.create("ci", ["Query"], ["fetch"], database=url)
    keys.create("ci", ["ServiceStatus"], database=url)
    assert "note" not in capsys.readouterr().err
