"""Config and [Section]Key over HTTP: stored encrypted, shown to nobody, refused where need be."""

import base64
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from connector.actions import configured, keys, sealing
from connector.actions.action import Parameter
from connector.actions.fetch.fetch import Fetch
from connector.actions.server.purge import PurgeDatastore
from connector.config import Settings, keyfile
from connector.db.engine import Database
from connector.jobs import reading, requests
from connector.jobs.tables import jobs
from tests.aci.serving import Echo, Face, facing, settings

FETCH = "/action=Fetch&FetchAction=Synchronize&TaskSections=One"
ROOM = "Y2lzY29zcGFyazovL3VzL1JPT00vMQ"
TASKS = {
    "CONNECTOR_FETCHTASKS_0": "One",
    "CONNECTOR_FETCHTASKS_1": "Two",
    "CONNECTOR_WEBEX_ACCESSTOKEN": "geheim",
}


class Own(Echo):
    """An action that has a parameter called Config of its own."""

    name = "Own"
    parameters = (Parameter("Config", "Its own."), Parameter("[Odd]Name", "Its own, too."))


def unused(kind: str = "slot") -> Database:
    raise AssertionError("nothing is run")


@contextlib.contextmanager
def fetching(url: str, folder: Path, **environment: str) -> Iterator[Face]:
    given = {**TASKS, "CONNECTOR_PATHS_KEYFILE": str(folder / "key"), **environment}
    chosen = settings(url, **given)
    actions = {
        "Fetch": Fetch(chosen, unused),
        "PurgeDatastore": PurgeDatastore(chosen, unused),
        "Echo": Echo(),
        "Own": Own(),
    }
    with facing(url, None, actions, True, **given) as face:
        assert keys.prepare(face.database, folder / "key") is None
        yield face


@pytest.fixture
def safe(database: Database, empty_url: str, tmp_path: Path) -> Iterator[Face]:
    """A face over each engine."""
    with fetching(empty_url, tmp_path) as face:
        yield face


@pytest.fixture
def lone(lone_url: str, tmp_path: Path) -> Iterator[Face]:
    """A face over SQLite."""
    with fetching(lone_url, tmp_path) as face:
        yield face


def config(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def row_of(face: Face, token: str) -> dict[str, Any]:
    """Return everything that is stored of an action."""
    found = face.database.read(
        lambda tx: tx.execute(sa.select(jobs).where(jobs.c.token == token)).one()
    )
    return dict(found._mapping)


BRINGS = f"&Config={config(f'[One]{chr(10)}RoomIds={ROOM}{chr(10)}')}&[Webex]PageSize=37"


def test_it_is_stored_encrypted_under_one_parameter_and_makes_the_settings(
    safe: Face, tmp_path: Path, empty_url: str
) -> None:
    token = safe.token(FETCH + BRINGS)
    row = row_of(safe, token)
    assert set(row["parameters"]) == {"FetchAction", "TaskSections", "Config"}
    assert sealing.is_sealed(row["parameters"]["Config"])
    assert ROOM not in str(row)
    assert re.fullmatch(r"[0-9a-f]{12}\+[0-9a-f]{12}", row["config_hash"]), "it shows no value"
    opened = sealing.opened(row["parameters"], tmp_path / "key")
    base = settings(empty_url, **TASKS)
    action = Fetch(base, unused)
    this, own = configured.to_run(action, opened, base)
    assert own == {"FetchAction": "Synchronize", "TaskSections": "One"}
    assert isinstance(this, Fetch) and this is not action
    assert _settings(this).webex.page_size == 37
    assert _settings(this).tasks[0].room_ids == (ROOM,) and _settings(this).tasks[1].room_ids == ()
    assert _settings(action) is base, "the next run finds the action as it was"
    assert configured.to_run(action, own, base) == (action, own)


def _settings(action: Fetch) -> Settings:
    return action._settings


def test_the_hash_tells_the_configuration_and_that_of_the_request(safe: Face) -> None:
    plain, one, same, other = (
        row_of(safe, safe.token(FETCH + brings))["config_hash"]
        for brings in ("", "&[Webex]PageSize=37", "&[WEBEX]pagesize=37", "&[Webex]PageSize=38")
    )
    assert "+" not in plain
    assert one == same != other
    assert {text.partition("+")[0] for text in (one, other)} == {plain}
    assert len(one) == len(plain) * 2 + 1


def test_a_copy_and_a_retry_keep_it(safe: Face, tmp_path: Path) -> None:
    token = safe.token(FETCH + BRINGS)
    asked = f"/action=QueueInfo&QueueName=Fetch&Token={token}&QueueAction="
    copy = safe.get(asked + "Duplicate").findtext("responsedata/token", "")
    safe.database.run(requests.cancel, token=token, by="test")
    safe.get(asked + "Retry")
    first, second = row_of(safe, token), row_of(safe, copy)
    assert first["state"] == "queued" == second["state"]
    assert first["config_hash"] == second["config_hash"] and "+" in first["config_hash"]
    key = tmp_path / "key"
    assert sealing.opened(first["parameters"], key) == sealing.opened(second["parameters"], key)


def test_the_same_request_is_known_by_its_key_and_another_one_refused(
    safe: Face, tmp_path: Path
) -> None:
    keyed = FETCH + "&Idempotency-Key=k"
    token = safe.token(keyed + BRINGS)
    assert safe.token(keyed + BRINGS) == token
    keyfile.rotate(tmp_path / "key")
    same = f"&[webex]PAGESIZE=37&[ONE]roomids={ROOM}"
    assert safe.token(keyed + same) == token, "the same, sent otherwise"
    for other in ("", "&[Webex]PageSize=37", f"{same}&[One]SweepDays=1"):
        assert safe.error(keyed + other)["errorcode"] == "ERRORKEYREUSED"


def test_nobody_is_shown_it(lone: Face) -> None:
    token = lone.token(FETCH + BRINGS)
    lone.error(FETCH + "&[Webex]PageSize=abcde&[One]RoomTypes=s3cr3t")
    lone.token(FETCH + f"&[one]RoomIds={ROOM}")
    asked = f"/action=QueueInfo&QueueName=Fetch&Token={token}&QueueAction="
    told = lone.get(asked + "GetActionParameters").findall(".//parameter")
    assert {each.get("name"): each.text for each in told}["Config"] == "***"
    sent = config(f"[One]\nRoomIds={ROOM}\n")
    for target in (
        *(asked + verb for verb in ("GetActionParameters", "GetStatus", "Why", "Progress")),
        "/action=GetRequestLog",
    ):
        text = lone.client.get(target).text
        for hidden in (ROOM, sent, quote(sent), "$secret", "PageSize=37", "abcde", "s3cr3t"):
            assert hidden not in text, target
    assert "PageSize%5D" not in lone.client.get("/action=GetRequestLog").text


@pytest.mark.parametrize(
    ("brings", "parameter", "said"),
    [
        ("&[Webex]BaseURL=https://elsewhere.example", "[Webex]BaseURL", "[Webex] BaseURL is not"),
        ("&[Webex]AccessToken=s3cr3t", "[Webex]AccessToken", "[Webex] AccessToken is not a"),
        ("&[Webex]AccessTokenFile=/etc/passwd", "[Webex]AccessTokenFile", "expected one of PageS"),
        ("&[Paths]DataDirectory=/tmp", "[Paths]DataDirectory", "expected a key of [Webex] or"),
        ("&[Database]URL=s3cr3t", "[Database]URL", "[Database] URL is not a setting"),
        ("&[Two]SweepDays=1", "[Two]SweepDays", "expected a key of [Webex] or [FetchTasks] or"),
        ("&[New]SweepDays=1", "[New]SweepDays", "or [ONE]"),
        ("&[Webex]PageSize=s3cr3t", "[Webex]PageSize", "expected a whole number, at least 1"),
        ("&Config=s3cr3t*", "Config", "as base64"),
        (f"&Config={config('[Webex] < /etc/passwd')}", "Config", "includes another file"),
        (f"&config={config('[One]' + chr(10) + 'IngestDirectory=/tmp')}", "Config", "[One] Inge"),
    ],
)
def test_what_may_not_be_set_is_refused_before_anything_is_stored(
    lone: Face, brings: str, parameter: str, said: str
) -> None:
    error = lone.error(FETCH + brings)
    assert error["errorcode"] == "ERRORPARAMINVALID"
    told = error["errordescription"]
    assert parameter in told and said in told
    assert "s3cr3t" not in str(error) and "passwd" not in told and "elsewhere" not in told
    assert lone.database.read(reading.page, "Fetch") == []


def test_without_a_usable_key_nothing_is_stored(lone: Face, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    error = lone.error(FETCH + BRINGS)
    assert error["errorcode"] == "ERRORINTERNAL" and ROOM not in str(error)
    assert lone.database.read(reading.page, "Fetch") == []


def test_an_action_without_such_settings_refuses_them_by_name(lone: Face) -> None:
    for sent, name in (
        ("/action=Echo&To=you", "Echo"),
        ("/action=PurgeDatastore&Section=One", "PurgeDatastore"),
    ):
        for brings in ("&[Webex]PageSize=37", f"&Config={config('[Webex]')}"):
            error = lone.error(sent + brings)
            assert error["errorcode"] == "ERRORPARAMINVALID"
            said = f"{name} has no settings that a request may bring"
            assert said in error["errordescription"]
    assert lone.database.read(reading.page, "Echo") == []


def test_what_an_action_declares_itself_is_its_own(lone: Face, tmp_path: Path) -> None:
    token = lone.token("/action=Own&Config=mine&[odd]name=too")
    row = row_of(lone, token)
    own = sealing.opened(row["parameters"], tmp_path / "key")
    assert own == {"Config": "mine", "[Odd]Name": "too"} and "+" not in row["config_hash"]


def test_a_server_may_take_none(lone_url: str, tmp_path: Path) -> None:
    with fetching(lone_url, tmp_path, CONNECTOR_ACTIONS_REQUESTSETTINGS="false") as face:
        error = face.error(FETCH + BRINGS)
        assert error["errorcode"] == "ERRORPARAMINVALID"
        assert "[Fetch] RequestSettings" in error["errordescription"]
        assert face.token(FETCH + "&Config="), "nothing is brought"
