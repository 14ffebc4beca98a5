"""Requests as clients send them, over real sockets."""

import json
from xml.etree import ElementTree as ET

import pytest

from connector.jobs import reading
from connector.jobs.states import State
from tests.aci.serving import Face


@pytest.mark.parametrize(
    "target",
    [
        "/action=Echo&To=you&Word=a%20b&Times=3&Loud=on&Tone=ANGRY",
        "/a=echo&to=you&WORD=a%20b&times=3&loud=TRUE&tone=angry",
        "/?action=ECHO&To=you&Word=a+b&Times=3&Loud=y&Tone=Angry",
        "/action=Echo?To=you&Word=a+b&Times=3&Loud=1&Tone=Angry",
    ],
)
def test_every_form_of_a_get_stores_the_same_action(face: Face, target: str) -> None:
    token = face.token(target)
    job = face.database.read(reading.get, [token])[token]
    assert (job.queue, job.state) == ("Echo", State.QUEUED)
    with face.database.engine.connect() as connection:
        stored = connection.exec_driver_sql(
            f"SELECT parameters FROM {_jobs(face)} WHERE token = '{token}'"
        ).scalar_one()
    values = json.loads(stored) if isinstance(stored, str) else stored
    assert values == {"To": "you", "Word": "a b", "Times": 3, "Loud": True, "Tone": "Angry"}


def _jobs(face: Face) -> str:
    return f"{face.database.schema}.jobs" if face.database.schema else "jobs"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain; charset=ISO-8859-1", "x/y", None]
)
def test_a_body_is_parameters_whatever_its_type(lone_face: Face, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    reply = lone_face.client.post("/", content=b"action=Echo&To=%C3%A9&Word=a=b", headers=headers)
    assert ET.fromstring(reply.content).findtext("responsedata/token")


def test_multipart_parts_are_parameters(lone_face: Face) -> None:
    files = {"To": (None, b"you"), "Word": (None, b"x&y")}
    reply = lone_face.client.post("/?action=Echo", files=files)
    assert ET.fromstring(reply.content).findtext("responsedata/token")


def test_the_envelope_is_as_clients_know_it(lone_face: Face) -> None:
    root = lone_face.get("/action=getversion")
    assert root.tag == "autnresponse"
    assert [child.tag for child in root] == ["action", "response", "responsedata"]
    assert (root.findtext("action"), root.findtext("response")) == ("GETVERSION", "SUCCESS")
    names = {action.get("action") for action in lone_face.get("/a=GetStatus").iter("action")}
    assert {"Echo", "QueueInfo", "GetVersion", "GetStatus", "GetPid"} <= names
    assert lone_face.get("/a=GetPid").find(".//{http://schemas.autonomy.com/aci/}pid") is not None


@pytest.mark.parametrize("name", ["json", "SimpleJSON"])
def test_other_formats_are_asked_for_by_name(lone_face: Face, name: str) -> None:
    reply = lone_face.client.get(f"/action=Echo&To=you&ResponseFormat={name}")
    assert reply.headers["content-type"] == "application/json"
    response = reply.json()["autnresponse"]
    assert response["response"] in ("SUCCESS", {"$": "SUCCESS"})
    refused = lone_face.client.get(f"/action=Echo&ResponseFormat={name}").json()["autnresponse"]
    assert refused["response"] in ("ERROR", {"$": "ERROR"})


def test_an_unknown_format_is_told(lone_face: Face) -> None:
    error = lone_face.error("/action=GetPid&ResponseFormat=yaml")
    assert "ResponseFormat" in error["errordescription"]


def test_health_is_told_apart_from_actions(lone_face: Face) -> None:
    assert lone_face.client.get("/livez").text == "live\n"
    assert lone_face.client.get("/readyz").text == "ready\n"
    for path in ("/api/v1/actions", "/events/of", "/metrics", "/api"):
        assert lone_face.client.get(path).status_code == 404


def test_head_has_no_body_and_connections_stay_open(lone_face: Face) -> None:
    reply = lone_face.client.head("/action=GetPid")
    assert reply.status_code == 200 and reply.content == b""
    two = b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\n\r\n"
    close = two.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert lone_face.raw(two + close).count(b"GETPID") >= 1


def test_a_line_feed_may_stand_in_a_path(lone_face: Face) -> None:
    assert lone_face.token("/action=Echo&To=Zo%C3%AB%0Aand%20me")


def test_raw_bytes_beyond_ascii_are_refused_with_what_would_be_right(lone_face: Face) -> None:
    got = lone_face.raw("GET /action=Echo&To=Zoë HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 400") and b"%C3%A9" in got


def test_who_asked_is_stored(lone_face: Face) -> None:
    token = lone_face.token("/action=Echo&To=you&ActionID=my-log-42")
    with lone_face.database.engine.connect() as connection:
        row = connection.exec_driver_sql(
            f"SELECT submitted_by, action_id, config_hash FROM jobs WHERE token = '{token}'"
        ).one()
    assert (row.submitted_by, row.action_id) == ("127.0.0.1", "my-log-42") and row.config_hash
