"""What the server tells about itself: version, status, licence, permissions."""

import json
import os
import re
import time
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

import connector
from connector.aci.dates import error_time
from connector.aci.declared import STANDARD
from connector.actions.fetch.fetch import FETCH_ACTIONS
from connector.actions.registry import BUILT_IN
from connector.db import api_keys
from tests.aci.serving import Face, facing, facing_built_in

AUTN = {"autn": "http://schemas.autonomy.com/aci/"}

ACI_TIME = r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d"
VERSION = {
    "autn:version": re.escape(connector.__version__),
    "autn:aciversion": "1.0",
    "autn:productname": "Webex Connector",
    "autn:commonname": "Webex Connector",
    "autn:producttypecsv": "CONNECTOR",
    "autn:build": re.escape(connector.__version__),
    "autn:wordsize": "64",
    "autn:operatingsystem": "Linux",
    "autn:epoch": r"\d{10}",
    "autn:string": ACI_TIME,
    "autn:uptime": r"0 days 00:00:\d\d",
    "autn:seconds": r"\d{1,2}",
    "autn:starttime": ACI_TIME,
}
"""Each fact of GetVersion and its form; the order of the vendor's sample is `ORDER`."""

ORDER = [
    *[name for name in VERSION if name not in ("autn:epoch", "autn:string")][:8],
    *("autn:directory", "autn:servertime", "autn:uptime"),
]


def _prefixed(element: ET.Element) -> str:
    return element.tag.replace("{http://schemas.autonomy.com/aci/}", "autn:")


def told(face: Face, target: str, **headers: str) -> ET.Element:
    reply = face.client.get(target, headers=headers)
    assert reply.status_code == 200
    root = ET.fromstring(reply.content)
    assert root.findtext("response") == "SUCCESS", reply.text
    data = root.find("responsedata")
    assert data is not None
    return data


def permissions(data: ET.Element) -> dict[str, str]:
    client = data.find("autn:client", AUTN)
    assert client is not None
    return {child.tag.rpartition("}")[2]: child.text or "" for child in client}


def test_the_version_has_the_facts_that_clients_read_in_their_forms(lone_face: Face) -> None:
    facts = VERSION | {"autn:directory": re.escape(os.getcwd())}
    before = int(time.time())
    data = told(lone_face, "/a=getversion")
    found = {_prefixed(child): child.text or "" for child in data.iter() if not len(child)}
    assert [_prefixed(child) for child in data] == ORDER
    assert set(found) == set(facts)
    for name, form in facts.items():
        assert re.fullmatch(form, found[name]), (name, found[name])
    assert before <= int(found["autn:epoch"]) <= time.time()
    assert found["autn:string"] == error_time(datetime.fromtimestamp(int(found["autn:epoch"]), UTC))


def test_the_status_lists_actions_with_their_fetch_actions_queues_and_tasks(lone_url: str) -> None:
    with facing_built_in(
        lone_url,
        CONNECTOR_FETCH_MAXIMUMTHREADS="5",
        CONNECTOR_ACTIONS_MAXQUEUESIZE="9",
        CONNECTOR_SERVICE_SERVICEPORT="7025",
    ) as face:
        data = told(face, "/a=getstatus")
    actions = [each.attrib for each in data.findall("actions/action")]
    fetch = {"action": "Fetch"}
    assert [each for each in actions if each["action"] == "Fetch"] == [
        fetch | {"fetchaction": choice} for choice in FETCH_ACTIONS
    ]
    assert all("fetchaction" not in each for each in actions if each["action"] != "Fetch")
    names = [each["action"] for each in actions]
    assert set(names) == {*BUILT_IN, "QueueInfo", *(each.name for each in STANDARD)}
    queues = [{child.tag: child.text for child in each} for each in data.findall("queues/queue")]
    assert [queue["name"] for queue in queues] == list(BUILT_IN)
    assert queues[0] == {
        "name": "Fetch",
        "pausable": "true",
        "maximumthreads": "5",
        "maxqueuesize": "9",
    }
    assert [task.text for task in data.findall("tasks/task")] == ["ONE"]
    assert data.findtext("serviceport") == "7025" and data.findtext("aciport") == "7023"


def test_every_action_is_licensed_and_listed_under_its_section(lone_face: Face) -> None:
    data = told(lone_face, "/a=getlicenseinfo")
    assert data.findtext("autn:license/autn:validlicense", None, AUTN) == "true"
    found = {
        section.findtext("autn:name", None, AUTN): {
            action.findtext("autn:name", "", AUTN): action.findtext("autn:licensed", "", AUTN)
            for action in section.findall("autn:action", AUTN)
        }
        for section in data.findall("autn:actions/autn:section", AUTN)
    }
    assert found["Connector"] == {"Echo": "true"}
    listed = {"GetVersion", "GetLicenseInfo", "ShowPermissions", "QueueInfo"}
    assert listed <= set(found["General"]) and set(found["General"].values()) == {"true"}


def test_whoever_asks_is_told_what_he_may_do(lone_face: Face) -> None:
    may = permissions(told(lone_face, "/action=ShowPermissions"))
    assert (
        list(may)
        == (
            "ip ipvalid queryclient adminclient allowedproxy servicestatusclient "
            "servicecontrolclient indexclient allowedindexproxy cors name"
        ).split()
    )
    assert may["ip"] == may["name"] == "127.0.0.1"
    assert {may[name] for name in may if name.endswith("client")} == {"true"}
    assert (may["ipvalid"], may["allowedproxy"]) == ("true", "false")


def test_a_key_is_told_what_it_gives_and_for_which_queues(lone_face: Face) -> None:
    key = lone_face.database.run(api_keys.create, "ci", ("Query",), ["Echo"], "cli me")
    data = told(lone_face, "/action=ShowPermissions", Authorization=f"Bearer {key}")
    may = permissions(data)
    assert (may["queryclient"], may["adminclient"]) == ("true", "false")
    assert may["name"].startswith("key ci (") and key not in may["name"]
    assert [q.text for q in data.findall("autn:client/autn:queues/autn:queue", AUTN)] == ["echo"]


def test_another_address_is_told_of_by_ip(lone_face: Face) -> None:
    may = permissions(told(lone_face, "/action=ShowPermissions&IP=10.1.2.3"))
    assert (may["ip"], may["queryclient"], may["adminclient"]) == ("10.1.2.3", "true", "false")


@pytest.mark.parametrize("wrong", ["10.1.2", "example.com", "%3Cscript%3E"])
def test_what_is_no_address_has_no_permission(lone_face: Face, wrong: str) -> None:
    may = permissions(told(lone_face, f"/action=ShowPermissions&IP={wrong}"))
    assert may["ipvalid"] == "false"
    assert {may[name] for name in may if name.endswith("client")} == {"false"}


def test_proxies_that_are_trusted_and_origins_that_may_ask_are_told(lone_url: str) -> None:
    with facing(
        lone_url,
        CONNECTOR_SERVER_TRUSTEDPROXIES="10.0.0.9",
        CONNECTOR_SERVICE_ACCESS_CONTROL_ALLOW_ORIGIN="https://a.example,https://b.example",
    ) as face:
        data = told(face, "/action=ShowPermissions&ip=10.0.0.9")
    assert permissions(data)["allowedproxy"] == "true"
    (cors,) = data.findall("autn:client/autn:cors", AUTN)
    assert [child.text for child in cors] == ["true", "https://a.example", "https://b.example"]


def test_lists_of_licence_and_permissions_are_arrays_in_json(lone_face: Face) -> None:
    def data(target: str) -> dict[str, dict[str, dict[str, object]]]:
        reply = lone_face.client.get(f"{target}&ResponseFormat=simplejson")
        found: dict[str, dict[str, dict[str, object]]] = json.loads(reply.content)
        return found["autnresponse"]["responsedata"]  # type: ignore[return-value]

    assert isinstance(data("/a=getlicenseinfo")["actions"]["section"], list)
    assert data("/a=showpermissions")["client"]["cors"] == {"enabled": "false", "origin": []}
