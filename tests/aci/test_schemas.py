"""The JSON Schemas in the package against real answers, errors included."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.aci.serving import Face

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
    f"{QUEUE}Cancel&State=Queued",
)


def _checker(form: str) -> Any:
    text = files("connector.aci").joinpath(f"schemas/{form}.json").read_text("utf-8")
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_every_answer_is_as_its_schema_says(lone_face: Face, form: str) -> None:
    checker = _checker(form)
    lone_face.token()
    for request in REQUESTS:
        reply = lone_face.client.get(f"{request}&responseformat={form.upper()}")
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        checker.validate(reply.json())


@pytest.mark.parametrize(("form", "suffix"), [("json", "json"), ("simplejson", "simple.json")])
@pytest.mark.parametrize(
    "name", ["actions", "no_actions", "cut", "results", "error", "token", "version"]
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
