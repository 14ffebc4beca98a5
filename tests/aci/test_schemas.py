"""The JSON Schemas in the package against real answers, errors included."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector.jobs import outcomes
from tests.aci.serving import Face, facing, facing_built_in
from tests.aci.test_synchronous import finished, worker

QUEUE = "/action=QueueInfo&QueueName=Echo&QueueAction="
REQUESTS = (
    "/a=getpid",
    "/a=GetVersion",
    "/a=GetStatus",
    "/a=GetLicenseInfo",
    "/a=ShowPermissions",
    "/a=GetRequestLog",
    "/a=TaskList",
    "/action=Echo&To=you",
    "/action=Echo",
    "/action=Nothing",
    f"{QUEUE}GetStatus",
    f"{QUEUE}GetStatus&State=finished",
    f"{QUEUE}GetStatus&State=lost",
    f"{QUEUE}GetActionParameters",
    f"{QUEUE}QueueStatus",
    f"{QUEUE}Progress",
    f"{QUEUE}GetResults",
    f"{QUEUE}Stop",
    f"{QUEUE}Pause",
    f"{QUEUE}Resume",
    f"{QUEUE}Cancel&State=Queued&Preview=true",
    f"{QUEUE}Cancel&State=Queued",
)
ABOUT_ONE = (
    *("GetStatus", "Why", "Duplicate", "Progress", "GetActionParameters"),
    *("Pause", "Resume", "ChangePriority&Priority=3", "Cancel", "Retry", "Stop"),
)
BUILT_IN = (
    "/a=GetStatus",
    "/a=TaskList",
    "/a=StopFetch",
    "/a=StopFetch&TaskSections=ONE",
    "/a=StopFetch&TaskSections=NONE",
    "/a=BackupServer",
    "/a=Fetch&FetchAction=Synchronize",
    "/a=Fetch",
)


def _checker(form: str) -> Any:
    text = files("connector.aci").joinpath(f"schemas/{form}.json").read_text("utf-8")
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def answered(face: Face, request: str, form: str) -> Any:
    reply = face.client.get(f"{request}&responseformat={form.upper()}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_every_answer_is_as_its_schema_says(lone_face: Face, form: str) -> None:
    checker = _checker(form)
    lone_face.token()
    for request in REQUESTS:
        checker.validate(answered(lone_face, request, form))
    token = lone_face.token()
    for verb in ABOUT_ONE:
        told = answered(lone_face, f"{QUEUE}{verb}&Token={token}", form)
        checker.validate(told)
        assert "SUCCESS" in str(told), verb


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_every_answer_of_the_actions_that_come_with_a_server_is_so_too(
    lone_url: str, form: str
) -> None:
    checker = _checker(form)
    with facing_built_in(lone_url) as face:
        for request in BUILT_IN:
            checker.validate(answered(face, request, form))
        status = answered(face, BUILT_IN[0], form)["autnresponse"]["responsedata"]
        token = face.token("/a=Fetch&FetchAction=Synchronize")
        checker.validate(answered(face, f"/a=StopFetch&Token={token}", form))
    status["queues"]["queue"] = status["queues"]["queue"][0]
    root = {"action": {"$": "X"}, "response": {"$": "SUCCESS"}, "responsedata": status}
    if form == "simplejson":
        root |= {"action": "X", "response": "SUCCESS"}
    assert not checker.is_valid({"autnresponse": root}), "one queue that is no array"


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_an_error_about_a_stored_action_with_its_token_is_as_its_schema_says(
    lone_url: str, form: str
) -> None:
    ask = "/action=Echo&To=you&Sync=true"
    with facing(lone_url, CONNECTOR_SERVER_ANSWERSECONDS="1") as face:
        with worker(face, lambda tx, run: outcomes.fail(tx, run, "no paper")):
            failed = answered(face, ask, form)
        with worker(face, finished):
            well = answered(face, ask, form)
        late = answered(face, ask, form)
    for told, word in ((failed, "ERRORACTIONFAILED"), (late, "ERRORUNFINISHED"), (well, "hello")):
        _checker(form).validate(told)
        assert word in str(told) and told["autnresponse"]["responsedata"]["token"]


@pytest.mark.parametrize(("form", "suffix"), [("json", "json"), ("simplejson", "simple.json")])
@pytest.mark.parametrize(
    "name", ["actions", "no_actions", "cut", "results", "error", "status", "token", "version"]
)
def test_every_golden_answer_is_as_its_schema_says(
    golden: Path, form: str, suffix: str, name: str
) -> None:
    _checker(form).validate(json.loads((golden / f"{name}.{suffix}").read_text("utf-8")))


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_a_schema_refuses_one_action_that_is_no_array(golden: Path, form: str) -> None:
    suffix = {"json": "json", "simplejson": "simple.json"}[form]
    root = json.loads((golden / f"actions.{suffix}").read_text("utf-8"))
    actions = root["autnresponse"]["responsedata"]["actions"]
    actions["action"] = actions["action"][0]
    assert not _checker(form).is_valid(root)
