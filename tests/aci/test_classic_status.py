from pathlib import Path

import pytest

from connector.db.engine import Database
from tests.aci.serving import facing
from tests.conftest import fresh_url, migrate

QUEUE = "/action=QueueInfo&QueueName=Echo&QueueAction="


def _cancelled(request: pytest.FixtureRequest, tmp_path: Path, **environment: str) -> list[str]:
    url = fresh_url("sqlite", request, tmp_path)
    opened = Database(url)
    migrate(opened)
    opened.close()
    with facing(url, None, None, True, **environment) as face:
        token = face.token()
        face.get(f"{QUEUE}Cancel&Token={token}")
        alone = face.action(token)
        (listed,) = face.get(f"{QUEUE}GetStatus").findall("responsedata/actions/action")
        assert [(x.tag, x.text) for x in alone if not x.tag.startswith("time")] == [
            (x.tag, x.text) for x in listed if not x.tag.startswith("time")
        ]
        return [alone.findtext("status") or "", alone.findtext("error") or "none"]


def test_with_classic_status_a_cancelled_action_is_an_error_that_says_by_whom(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    status, error = _cancelled(request, tmp_path, CONNECTOR_ACTIONS_CLASSICSTATUS="true")
    assert status == "Error"
    assert error.startswith("Cancelled by http ") and "127.0.0.1" in error


def test_a_queue_of_its_own_section_may_have_classic_status_alone(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    status, _ = _cancelled(request, tmp_path, CONNECTOR_ECHO_CLASSICSTATUS="true")
    assert status == "Error"


def test_without_it_a_cancelled_action_is_called_so_and_has_no_error(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert _cancelled(request, tmp_path) == ["Cancelled", "none"]
