"""What holds for every answer in every format, errors included."""

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from connector.aci.errors import PRODUCT, Code
from connector.aci.formats import FORMATS
from connector.db import api_keys
from tests.aci.serving import Face, facing, facing_built_in

FORMS = ("XML", "Json", "SimpleJSON")
FIELDS = ["errorid", "rawerrorid", "errorstring", "errordescription", "errorcode", "errortime"]

QUEUE = "/action=QueueInfo&QueueName=Echo&QueueAction="
NOBODY = "0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e0f"
ANSWERS = {
    "/a=getpid": "GETPID",
    "/a=getversion": "GETVERSION",
    "/a=getstatus": "GETSTATUS",
    "/a=getlicenseinfo": "GETLICENSEINFO",
    "/a=getrequestlog": "GETREQUESTLOG",
    "/a=grl": "GETREQUESTLOG",
    "/a=%20grl%20&tail=few": "GETREQUESTLOG ERRORPARAMINVALID",
    "/a=showpermissions": "SHOWPERMISSIONS",
    "/a=tasklist": "TASKLIST",
    "/a=stopfetch": "STOPFETCH ERRORQUEUEUNKNOWN",
    "/a=echo&to=you": "ECHO",
    "/a=%20echo%20": "ECHO ERRORPARAMMISSING",
    "/a=nothing": "NOTHING ERRORNOTIMPLEMENTED",
    "/a=queueinfo": "QUEUEINFO ERRORPARAMMISSING",
    "/a=queueinfo&queueaction=getstatus&queuename=no": "QUEUEINFO ERRORQUEUEUNKNOWN",
    f"{QUEUE}sing": "QUEUEINFO ERRORPARAMINVALID",
    f"{QUEUE}getstatus": "QUEUEINFO",
    f"{QUEUE}getstatus&state=lost": "QUEUEINFO ERRORPARAMINVALID",
    f"{QUEUE}getstatus&token={NOBODY}": "QUEUEINFO ERRORTOKENUNKNOWN",
    f"{QUEUE}queuestatus": "QUEUEINFO",
    f"{QUEUE}progress": "QUEUEINFO",
    f"{QUEUE}getactionparameters": "QUEUEINFO",
    f"{QUEUE}duplicate": "QUEUEINFO ERRORPARAMMISSING",
    f"{QUEUE}why": "QUEUEINFO ERRORPARAMMISSING",
    f"{QUEUE}getresults": "QUEUEINFO ERRORPARAMMISSING",
    f"{QUEUE}stop": "QUEUEINFO",
    f"{QUEUE}pause": "QUEUEINFO",
    f"{QUEUE}resume": "QUEUEINFO",
    f"{QUEUE}cancel": "QUEUEINFO ERRORPARAMMISSING",
    f"{QUEUE}cancel&state=queued&preview=true": "QUEUEINFO",
    f"{QUEUE}retry&state=error": "QUEUEINFO",
    f"{QUEUE}changepriority&state=queued": "QUEUEINFO ERRORPARAMMISSING",
    f"{QUEUE}changepriority&state=queued&priority=3": "QUEUEINFO",
}
"""Request to the action that is told, and the errorcode if it is an error."""

ABOUT_ONE = {
    "GetStatus": "",
    "Progress": "",
    "GetActionParameters": "",
    "Duplicate": "",
    "Why": "",
    "Pause": "",
    "Resume": "Pause",
    "Cancel": "",
    "Stop": "",
    "Retry": "Cancel",
    "ChangePriority&Priority=7": "",
}
"""QueueAction with a token, to the one that must have been there before."""

MANY = "&p=1" * 1100
MULTIPART = {"content-type": "multipart/form-data; boundary=B"}
UNREADABLE: dict[str, tuple[str, dict[str, Any], str]] = {
    "a broken escape": ("GET /action=Test&ResponseFormat={}&x=%zz", {}, "TEST ERRORBADREQUEST"),
    "the format behind it": ("GET /x=%zz&a=Test&responseFORMAT={}", {}, "TEST ERRORBADREQUEST"),
    "a query": ("GET /?x=%FF&ResponseFormat=%20{}%20", {}, " ERRORBADREQUEST"),
    "no action": ("GET /?ResponseFormat={}", {}, " ERRORPARAMMISSING"),
    "an alias": ("GET /a=GRL&ResponseFormat={}&x=%zz", {}, "GETREQUESTLOG ERRORBADREQUEST"),
    "many parameters": (f"GET /action=Test{MANY}&ResponseFormat={{}}", {}, "TEST ERRORTOOLARGE"),
    "many in the body": (
        "POST /action=Test&ResponseFormat=yaml",
        {"content": "ResponseFormat={}" + MANY},
        "TEST ERRORTOOLARGE",
    ),
    "a broken multipart body": (
        "POST /action=Test&ResponseFormat={}",
        {"content": "abc", "headers": MULTIPART},
        "TEST ERRORBADREQUEST",
    ),
    "a body over the limit": (
        "POST /action=Test&ResponseFormat={}",
        {"content": "x" * 5000},
        "TEST ERRORTOOLARGE",
    ),
    "another method": ("DELETE /action=Test&ResponseFormat={}", {}, "TEST ERRORBADREQUEST"),
}

ADMIN = {
    "BackupServer": "",
    "RestoreServer&Path=a.zip": "",
    "PurgeDatastore&Section=ONE": "",
    "RestoreServer": "ERRORPARAMMISSING",
    "BackupServer&Path=../a": "ERRORPARAMINVALID",
    "Fetch&FetchAction=Synchronize": "",
    "Fetch&FetchAction=Sing": "ERRORPARAMINVALID",
    "StopFetch": "",
}


def told(reply: httpx2.Response, form: str) -> str:
    """Return the action, and the errorcode of an error, of an answer that is as all must be."""
    assert reply.status_code == 200
    assert reply.headers["content-type"] == FORMATS[form.lower()].media_type
    assert b"<!DOCTYPE" not in reply.content
    names, action, response, error = _xml(reply) if form == "XML" else _json(reply, form)
    assert names == ["action", "response", "responsedata"] and action == action.upper()
    assert response == ("ERROR" if error else "SUCCESS")
    if not error:
        return action
    assert list(error) == FIELDS and all(error.values())
    (code,) = [code for code in Code if code.word == error["errorcode"]]
    assert error["errorid"] == f"{PRODUCT}{action}{code.number}"
    assert int(error["rawerrorid"], 16) == code.number
    assert re.fullmatch(r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d", error["errortime"])
    return f"{action} {error['errorcode']}"


def _xml(reply: httpx2.Response) -> tuple[list[str], str, str, dict[str, str]]:
    root = ET.fromstring(reply.content)
    error = {child.tag: child.text or "" for child in root.findall("responsedata/error/*")}
    names = [child.tag for child in root]
    return names, root.findtext("action", ""), root.findtext("response", ""), error


def _json(reply: httpx2.Response, form: str) -> tuple[list[str], str, str, dict[str, str]]:
    root = json.loads(reply.content)["autnresponse"]

    def text(leaf: Any) -> str:
        return str(leaf["$"] if form == "Json" else leaf)

    data = root["responsedata"]
    error = data.get("error", {}) if isinstance(data, dict) else {}
    fields = {name: text(leaf) for name, leaf in error.items()}
    return list(root), text(root["action"]), text(root["response"]), fields


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ANSWERS)
def test_an_answer_has_its_three_parts_in_order(lone_face: Face, target: str, form: str) -> None:
    reply = lone_face.client.get(f"{target}&RESPONSEformat={form}")
    assert told(reply, form) == ANSWERS[target]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verb", ABOUT_ONE)
def test_an_answer_about_one_action_has_them_too(lone_face: Face, verb: str, form: str) -> None:
    token = lone_face.token()
    ask = f"{QUEUE}{verb}&Token={token}&ResponseFormat={form}"
    if before := ABOUT_ONE[verb]:
        lone_face.get(f"{QUEUE}{before}&Token={token}")
    assert told(lone_face.client.get(ask), form) == "QUEUEINFO"


@pytest.fixture
def narrow_face(lone_url: str) -> Iterator[Face]:
    """A face that takes bodies of 4,900 bytes."""
    with facing(lone_url, CONNECTOR_SERVER_MAXBODYSIZE="4900") as face:
        yield face


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_answered_in_the_format_it_asks_for(
    narrow_face: Face, what: str, form: str
) -> None:
    line, more, expected = UNREADABLE[what]
    method, target = line.replace("{}", form).split(" ", 1)
    if "content" in more:
        more = {**more, "content": more["content"].replace("{}", form)}
    assert told(narrow_face.client.request(method, target, **more), form) == expected


def test_what_asks_for_no_format_there_is_and_cannot_be_read_is_answered_in_xml(
    lone_face: Face,
) -> None:
    for given in ("", "&ResponseFormat=", "&ResponseFormat=yaml", "&ResponseFormat=%zz"):
        reply = lone_face.client.get(f"/action=Test{given}&x=%zz")
        assert told(reply, "XML") == "TEST ERRORBADREQUEST"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["/action=GRL", "/action=getrequestlog&x=%zz"])
def test_what_is_refused_is_answered_in_the_format_and_by_the_real_name(
    lone_face: Face, target: str, form: str
) -> None:
    ask, key = f"{target}&ResponseFormat={form}", "Authorization"
    good = lone_face.database.run(api_keys.create, "ci", ("Query",), None, "cli me")
    by_role = lone_face.client.get(ask, headers={key: f"Bearer {good}"})
    if "%zz" not in target:
        assert told(by_role, form) == "GETREQUESTLOG ERRORNOTPERMITTED"
    by_key = lone_face.client.get(ask, headers={key: "Bearer wxc_no"})
    assert told(by_key, form) == "GETREQUESTLOG ERRORKEYINVALID"
    for foreign in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        by_host = lone_face.client.get(ask, headers=foreign)
        assert told(by_host, form) == "GETREQUESTLOG ERRORFOREIGN"


@pytest.mark.parametrize("form", FORMS)
def test_actions_that_come_with_the_server_are_answered_so_too(lone_url: str, form: str) -> None:
    with facing_built_in(lone_url) as face:
        for target, error in ADMIN.items():
            reply = face.client.get(f"/action={target}&ResponseFormat={form}")
            expected = f"{target.partition('&')[0].upper()} {error}".strip()
            assert told(reply, form) == expected, target
