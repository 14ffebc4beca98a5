"""What holds for every answer in every format, errors included."""

import json
from xml.etree import ElementTree as ET

import pytest

from tests.aci.serving import Face

QUEUE = "/action=QueueInfo&QueueName=Echo&QueueAction="
ANSWERS = {
    "/a=getpid": ("GETPID", "SUCCESS"),
    "/a=getversion": ("GETVERSION", "SUCCESS"),
    "/a=getstatus": ("GETSTATUS", "SUCCESS"),
    "/a=getlicenseinfo": ("GETLICENSEINFO", "SUCCESS"),
    "/a=grl": ("GETREQUESTLOG", "SUCCESS"),
    "/a=showpermissions": ("SHOWPERMISSIONS", "SUCCESS"),
    "/a=tasklist": ("TASKLIST", "SUCCESS"),
    "/a=stopfetch": ("STOPFETCH", "ERROR"),
    "/a=echo&to=you": ("ECHO", "SUCCESS"),
    "/a=echo": ("ECHO", "ERROR"),
    "/a=nothing": ("NOTHING", "ERROR"),
    f"{QUEUE}getstatus": ("QUEUEINFO", "SUCCESS"),
    f"{QUEUE}getresults": ("QUEUEINFO", "ERROR"),
    f"{QUEUE}stop": ("QUEUEINFO", "SUCCESS"),
    f"{QUEUE}getstatus&state=lost": ("QUEUEINFO", "ERROR"),
}


@pytest.mark.parametrize("form", ["XML", "Json", "SimpleJSON"])
@pytest.mark.parametrize("target", ANSWERS)
def test_an_answer_has_its_three_parts_in_order(lone_face: Face, target: str, form: str) -> None:
    reply = lone_face.client.get(f"{target}&RESPONSEformat={form}")
    assert reply.status_code == 200
    if form == "XML":
        parts = [(child.tag, child.text) for child in ET.fromstring(reply.content)]
        names, told = [name for name, _ in parts], [parts[0][1], parts[1][1]]
    else:
        root = json.loads(reply.content)["autnresponse"]
        names, told = list(root), [root["action"], root["response"]]
        if form == "Json":
            told = [root["action"]["$"], root["response"]["$"]]
    assert names == ["action", "response", "responsedata"]
    assert tuple(told) == ANSWERS[target]
    assert b"<!DOCTYPE" not in reply.content
