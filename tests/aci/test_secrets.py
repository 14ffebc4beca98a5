"""Secret parameters: encrypted in the row, shown to nobody, and compared all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from connector.actions import keys
from connector.actions.action import Context, Finished, Outcome, Parameter
from connector.actions.sealing import opened
from connector.config import keyfile
from connector.db import secret_keys
from connector.db.engine import Database
from connector.jobs import reading, submit
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from tests.aci.serving import Echo, Face, facing

SEND = "/action=Echo&To=you&Pin=hunter2"


class Login:
    """An action that has forgotten to say which of its parameters are secret."""

    name: ClassVar[str] = "Login"
    help: ClassVar[str] = "Logs in somewhere."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("User", "Who."),
        Parameter("Password", "With what."),
        Parameter("ApiKey", "Or with that.", kind="integer"),
    )
    pausable: ClassVar[bool] = False

    def run(self, context: Context) -> Outcome:
        return Finished()


@pytest.fixture
def safe(database: Database, empty_url: str, tmp_path: Path) -> Iterator[Face]:
    keys.prepare(database, tmp_path / "key")
    actions = {"Echo": Echo(), "Login": Login()}
    file = str(tmp_path / "key")
    with facing(empty_url, actions=actions, CONNECTOR_PATHS_KEYFILE=file) as running:
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
    keyfile.rotate(tmp_path / "key")
    assert safe.token(SEND + "&Idempotency-Key=k") == token
    error = safe.error("/action=Echo&To=you&Pin=hunter3&Idempotency-Key=k")
    assert error["errorcode"] == "ERRORKEYREUSED"


def test_without_a_key_file_that_can_be_used_nothing_is_stored(safe: Face, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    error = safe.error(SEND)
    assert error["errorcode"] == "ERRORINTERNAL" and "hunter2" not in str(error)
    assert safe.database.read(reading.page, "Echo") == []
    assert safe.token("/action=Echo&To=you"), "what holds no secret needs no key"


def test_a_parameter_that_is_called_as_secrets_are_is_one(safe: Face, tmp_path: Path) -> None:
    token = safe.token("/action=Login&User=me&Password=hunter2&ApiKey=4711")
    (row,) = safe.database.read(reading.parameters, [token]).values()
    assert "hunter2" not in str(row.parameters) and "4711" not in str(row.parameters)
    sent = {"User": "me", "Password": "hunter2", "ApiKey": 4711}
    assert opened(row.parameters, tmp_path / "key") == sent
    asked = f"/action=QueueInfo&QueueName=Login&Token={token}&QueueAction=GetActionParameters"
    told = {each.get("name"): each.text for each in safe.get(asked).findall(".//parameter")}
    assert told == {"User": "me", "Password": "***", "ApiKey": "***"}
    assert "hunter2" not in str(safe.error("/action=Login&ApiKey=hunter2"))
    assert safe.client.get("/action=Help").text.count("Secret: stored encrypted.") == 3


def test_a_secret_in_a_row_that_was_made_by_hand_is_not_shown(safe: Face) -> None:
    token = new_token()
    safe.database.run(submit.submit, [NewJob(token, "Login", {"Password": "hunter2"})])
    asked = f"/action=QueueInfo&QueueName=Login&Token={token}&QueueAction=GetActionParameters"
    assert "hunter2" not in safe.client.get(asked).text


def test_with_another_key_file_than_that_of_the_other_hosts_nothing_secret_is_stored(
    safe: Face, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").unlink()
    keyfile.make(tmp_path / "key")
    assert safe.error(SEND)["errorcode"] == "ERRORINTERNAL"
    (record,) = (each for each in caplog.records if "cannot be stored" in each.message)
    assert "copy the key file of the other host" in str(vars(record))
    assert safe.database.read(reading.page, "Echo") == []
    safe.database.run(secret_keys.record, keyfile.fingerprints(tmp_path / "key"))
    assert safe.token(SEND)
