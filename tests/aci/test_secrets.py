"""Secret parameters: encrypted in the row, shown to nobody, and compared all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.actions.sealing import opened
from connector.config import keyring
from connector.db.engine import Database
from connector.jobs import reading
from tests.aci.serving import Face, facing

SEND = "/action=Echo&To=you&Pin=hunter2"


@pytest.fixture
def safe(database: Database, empty_url: str, tmp_path: Path) -> Iterator[Face]:
    with facing(empty_url, CONNECTOR_PATHS_KEYFILE=str(tmp_path / "key")) as running:
        yield running


def test_the_row_holds_it_encrypted_and_the_key_file_opens_it(safe: Face, tmp_path: Path) -> None:
    token = safe.token(SEND)
    (row,) = safe.database.read(reading.parameters, [token]).values()
    assert "hunter2" not in str(row.parameters) and row.parameters["To"] == "you"
    assert opened(row.parameters, tmp_path / "key")["Pin"] == "hunter2"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_nobody_is_shown_it(safe: Face) -> None:
    token = safe.token(SEND)
    asked = f"/action=QueueInfo&QueueName=Echo&Token={token}&QueueAction="
    for verb in ("GetActionParameters", "GetStatus"):
        reply = safe.client.get(asked + verb)
        assert "hunter2" not in reply.text and "$secret" not in reply.text
    told = safe.get(asked + "GetActionParameters").findall(".//parameter")
    assert {each.get("name"): each.text for each in told}["Pin"] == "***"
    assert "hunter2" not in safe.client.get("/action=Echo&Pin=hunter2&Times=x&To=y").text


def test_the_same_request_is_known_by_its_key_also_after_a_rotation(
    safe: Face, tmp_path: Path
) -> None:
    token = safe.token(SEND + "&Idempotency-Key=k")
    assert safe.token(SEND + "&Idempotency-Key=k") == token
    keyring.rotate(tmp_path / "key")
    assert safe.token(SEND + "&Idempotency-Key=k") == token
    error = safe.error("/action=Echo&To=you&Pin=hunter3&Idempotency-Key=k")
    assert error["errorcode"] == "ERRORKEYREUSED"


def test_without_a_key_file_that_can_be_used_nothing_is_stored(safe: Face, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    error = safe.error(SEND)
    assert error["errorcode"] == "ERRORINTERNAL" and "hunter2" not in str(error)
    assert safe.database.read(reading.page, "Echo") == []
    assert safe.token("/action=Echo&To=you"), "what holds no secret needs no key"
