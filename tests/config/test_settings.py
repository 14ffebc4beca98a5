import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.config import Loaded, Settings

Load = Callable[..., Loaded]

FLAGS = {
    "Webex.AccessToken": "s3cr3t",
    "Database.URL": "postgresql://u:pw@h/d",
    "FetchTasks.0": "A",
    "A.RoomIds": "x,y",
    "A.MessageMinDate": "2024-01-31",
    "Fetch.MaxAttempts": "7",
}


def test_the_private_form_carries_all_with_secrets(loaded: Load) -> None:
    before = loaded(flags=FLAGS).settings
    after = Settings.handed_over(before.dump_private())
    assert after == before
    assert after.webex.access_token is not None
    assert after.webex.access_token.get_secret_value() == "s3cr3t"
    assert after.database.url.get_secret_value() == "postgresql://u:pw@h/d"
    assert after.hash == before.hash


def test_the_private_form_passes_through_a_memory_file(loaded: Load) -> None:
    before = loaded(flags=FLAGS).settings
    with os.fdopen(os.memfd_create("settings"), "w+b") as file:
        file.write(before.dump_private().encode())
        file.seek(0)
        assert Settings.handed_over(file.read()) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rooms=st.lists(st.text(max_size=9), max_size=3),
    seconds=st.floats(0, 86400),
    size=st.integers(0, 2**62),
)
def test_no_value_is_lost_in_the_private_form(
    loaded: Load, rooms: list[str], seconds: float, size: int
) -> None:
    base = loaded(flags=FLAGS).settings
    task = base.tasks[0].model_copy(update={"room_ids": tuple(rooms), "max_file_size": size})
    queue = base.actions.model_copy(update={"retry_seconds": seconds})
    changed = base.model_copy(update={"tasks": (task,), "actions": queue})
    assert Settings.handed_over(changed.dump_private()) == changed


def test_the_public_form_has_the_names_of_the_file_and_masks_secrets(loaded: Load) -> None:
    public = loaded(flags=FLAGS).settings.dump_public()
    assert public["Webex"]["AccessToken"] == "***"
    assert public["Database"]["URL"] == "postgresql://u:***@h/d"
    assert public["Server"]["Port"] == 7023
    assert public["Fetch"]["MaxAttempts"] == 7
    assert public["FetchTasks"] == {"Number": 1, "0": "A"}
    assert public["A"]["RoomIds"] == ["x", "y"]
    assert public["A"]["MessageMinDate"] == "2024-01-31"
    assert "name" not in public["A"]


def test_a_token_not_set_is_shown_as_none(loaded: Load) -> None:
    assert loaded().settings.dump_public()["Webex"]["AccessToken"] is None


@pytest.mark.parametrize("flag", [("A.SweepDays", "1"), ("Webex.BaseURL", "https://other/v1")])
def test_the_hash_changes_with_what_a_fetch_does(loaded: Load, flag: tuple[str, str]) -> None:
    assert loaded(flags=FLAGS | dict([flag])).settings.hash != loaded(flags=FLAGS).settings.hash


@pytest.mark.parametrize(
    "flag",
    [
        ("Webex.AccessToken", "another"),
        ("Server.Port", "1"),
        ("Logging.LogFormat", "json"),
        ("A.SweepDays", "7"),
    ],
)
def test_the_hash_is_the_same_whatever_else_changes(loaded: Load, flag: tuple[str, str]) -> None:
    before = loaded(flags=FLAGS).settings.hash
    assert len(before) == 12
    assert loaded(flags=FLAGS | dict([flag])).settings.hash == before


def test_settings_cannot_be_changed(loaded: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        loaded().settings.server.__setattr__("port", 1)
