import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connector.aci.errors import AciError, Code, invalid
from connector.aci.formats import FORMATS, format_named
from connector.aci.reply import Outcome, Reply, error_reply, token_reply
from connector.aci.tree import Tree
from connector.jobs.cutting import beginning

NOW = datetime(2015, 11, 20, 16, 49, 50, tzinfo=UTC)
TOKEN = "0198c0de-1a2b-7c3d-8e4f-5a6b7c8d9e0f"
FINISHED: Tree = {
    "status": "Finished",
    "queued_time": "2015-Aug-17 17:40:49",
    "time_in_queue": 1,
    "process_start_time": "2015-Aug-17 17:40:50",
    "time_processing": 2,
    "process_end_time": "2015-Aug-17 17:40:52",
    "documentcounts": {"documentcount": [{"@task": "MYTASK1", "@seen": 3, "@errors": 0}]},
    "fetchaction": "SYNCHRONIZE",
    "tasks": {
        "success": ["AB&C"],
        "failed": [{"@message": 'No "room"\r\n\x01', "$": "Y2lz\ud800"}],
    },
    "token": TOKEN,
}
CUT = beginning({"identifiers": {"identifier": ["Y2lz" * 50] * 500}}, 101_500, 4096)
QUEUED: Tree = {
    "status": "Queued",
    "queued_time": "2015-Aug-17 17:40:49",
    "time_in_queue": 0,
    "token": TOKEN.replace("0198", "0199"),
}
REPLIES = {
    "version": Reply(
        "GetVersion", {"autn:version": "0.2.0", "autn:servertime": {"autn:epoch": 1440000000}}
    ),
    "token": token_reply("Fetch", TOKEN),
    "actions": Reply("QueueInfo", {"actions": {"action": [QUEUED, FINISHED]}}),
    "results": Reply(
        "QueueInfo",
        {
            "documentcounts": {"documentcount": {"@task": "MYTASK1", "@errors": 0}},
            "identifiers": {
                "@parent_identifier": "ROOT",
                "identifier": [{"@name": "Room & board", "@type": "Room", "$": "Y2lz"}],
            },
        },
    ),
    "cut": Reply(
        "QueueInfo",
        {"actions": {"action": [{"status": "Finished", **CUT, "token": TOKEN}]}},
    ),
    "no_actions": Reply("QueueInfo", {"actions": {"action": []}}),
}
SUFFIX = {"xml": "xml", "json": "json", "simplejson": "simple.json"}

_JSON: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("reply", [*REPLIES, "error"])
def test_a_reply_is_as_in_its_golden_file(
    name: str, reply: str, golden: Path, local_zone: Callable[[str], None]
) -> None:
    local_zone("UTC")
    error = error_reply("QueueInfo", invalid("Token", "17<é>", "a token"), NOW)
    body = FORMATS[name].render(REPLIES.get(reply, error))
    assert body == (golden / f"{reply}.{SUFFIX[name]}").read_bytes()


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(action=st.text(st.characters()), data=st.dictionaries(st.text(st.characters()), _JSON))
def test_no_reply_whatever_it_holds_fails_to_render(
    name: str, action: str, data: dict[str, Tree]
) -> None:
    body = FORMATS[name].render(Reply(action, data))
    if name == "xml":
        assert [child.tag for child in etree.fromstring(body)][1] == "response"
    else:
        assert list(json.loads(body)["autnresponse"]) == ["action", "response", "responsedata"]


def test_the_paths_clients_read_in_json_are_there() -> None:
    root = json.loads(FORMATS["json"].render(REPLIES["actions"]))["autnresponse"]
    assert root["response"]["$"] == "SUCCESS" and root["action"]["$"] == "QUEUEINFO"
    assert root["responsedata"]["actions"]["action"][0]["status"]["$"] == "Queued"


@pytest.mark.parametrize(("name", "leaf"), [("json", {"$": "Queued"}), ("simplejson", "Queued")])
def test_arrays_are_a_matter_of_the_schema_not_of_the_count(name: str, leaf: object) -> None:
    one: Tree = {"status": "Queued"}
    reply = Reply("QueueInfo", {"actions": {"action": one}, "action": one})
    data = json.loads(FORMATS[name].render(reply))["autnresponse"]["responsedata"]
    assert data == {"actions": {"action": [{"status": leaf}]}, "action": {"status": leaf}}


@pytest.mark.parametrize("name", ["json", "simplejson"])
def test_deep_nesting_is_cut_in_json_too(name: str) -> None:
    deep: Tree = "bottom"
    for _ in range(5000):
        deep = {"v": [deep]}
    assert b"nested too deeply" in FORMATS[name].render(Reply("X", {"v": deep}))


def test_a_format_is_named_in_any_case_and_xml_is_the_default() -> None:
    assert format_named("SimpleJSON") is FORMATS["simplejson"]
    assert format_named("") is FORMATS["xml"]
    with pytest.raises(AciError, match="ResponseFormat.*one of xml, json, simplejson"):
        format_named("yaml")


def test_media_types_are_those_official_clients_accept() -> None:
    assert {name: format.media_type for name, format in FORMATS.items()} == {
        "xml": "text/xml; charset=utf-8",
        "json": "application/json",
        "simplejson": "application/json",
    }


def test_an_error_reply_has_all_six_fields_in_order(local_zone: Callable[[str], None]) -> None:
    local_zone("UTC")
    reply = error_reply("fetch", AciError(Code.UNAVAILABLE, "The database is away."), NOW)
    assert reply.outcome is Outcome.ERROR
    error = reply.data["error"]
    assert isinstance(error, dict)
    assert list(error.items()) == [
        ("errorid", "WEBEXCONNECTORFETCH520"),
        ("rawerrorid", "0x208"),
        ("errorstring", "Database unavailable"),
        ("errordescription", "The database is away."),
        ("errorcode", "ERRORUNAVAILABLE"),
        ("errortime", "20 Nov 15 16:49:50"),
    ]
