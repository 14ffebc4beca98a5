"""What client programs need that no other test looks at, one line of the checklists each."""

import select
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from connector.aci.server import KEEP_ALIVE
from connector.db.engine import Database
from connector.jobs import claim, outcomes
from connector.jobs.token import new_token
from tests import leases
from tests.aci.serving import DEADLINE, Face, facing

QUEUE = "/action=QueueInfo&QueueName=Echo&QueueAction="
WITH_AUTN = ("/a=getpid", "/a=getversion", "/a=getstatus", "/a=getlicenseinfo")
"""Actions whose facts clients read by names with the prefix."""

IDLE = 2.5
"""Seconds for which a client may think before it sends its next request."""


def answer(connection: socket.socket) -> bytes:
    connection.sendall(b"GET /a=getpid HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    got = b""
    while b"</autnresponse>" not in got:
        more = connection.recv(1 << 16)
        assert more, "the connection was closed"
        got += more
    return got


def test_names_and_fixed_values_are_taken_in_any_case(lone_face: Face) -> None:
    token = lone_face.token("/ACTION=eCHO&tO=you&tONE=cALM&rESPONSEfORMAT=xML")
    told = lone_face.get(f"/aCTION=queueINFO&qUEUEaCTION=gETsTATUS&queuename=eCHO&TOKEN={token}")
    assert told.findtext("responsedata/actions/action/token") == token
    assert lone_face.get("/A=QUEUEINFO&QUEUEACTION=GETSTATUS&QUEUENAME=ECHO&STATE=qUEUED").find(
        "responsedata/actions/action"
    )


def test_a_path_may_hold_equals_signs_commas_and_colons_unescaped(lone_face: Face) -> None:
    token = lone_face.token("/action=Echo&To=a=b,c:d==&Word=MTI3LjAuMC4xOjE0==")
    told = lone_face.get(f"{QUEUE}GetActionParameters&Token={token}")
    sent = {x.get("name"): x.text for x in told.iter("parameter")}
    assert (sent["To"], sent["Word"]) == ("a=b,c:d==", "MTI3LjAuMC4xOjE0==")


def test_a_multipart_body_may_come_in_chunks(lone_face: Face) -> None:
    part = (
        '--B\r\nContent-Disposition: form-data; name="{}"\r\n'
        "Content-Type: text/plain; charset=UTF-8\r\n\r\n{}\r\n"
    )
    whole = (part.format("action", "Echo") + part.format("To", "Zoë") + "--B--\r\n").encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(whole), 7):
            yield whole[start : start + 7]

    kind = {"content-type": "multipart/form-data; boundary=B"}
    reply = lone_face.client.post("/", content=pieces(), headers=kind)
    assert reply.request.headers["transfer-encoding"] == "chunked"
    assert b"<response>SUCCESS</response>" in reply.content and b"<token>" in reply.content


def test_a_connection_on_which_nothing_comes_for_seconds_stays(lone_face: Face) -> None:
    assert KEEP_ALIVE > 2 * IDLE, "the server itself waits longer than this test's"
    with socket.create_connection(("127.0.0.1", lone_face.port), DEADLINE) as connection:
        answer(connection)
        closed, _, _ = select.select([connection], [], [], IDLE)
        assert not closed
        answer(connection)


def test_one_connection_carries_many_requests_and_a_client_may_have_several(
    lone_face: Face,
) -> None:
    place = ("127.0.0.1", lone_face.port)
    with (
        socket.create_connection(place, DEADLINE) as one,
        socket.create_connection(place, DEADLINE) as other,
    ):
        for _ in range(20):
            assert b"SUCCESS" in answer(one) and b"SUCCESS" in answer(other)


def test_the_prefix_is_for_facts_of_version_status_and_pid_only(lone_face: Face) -> None:
    token = lone_face.token()
    others = (
        "/action=Echo&To=me",
        "/action=Nothing",
        f"{QUEUE}GetStatus",
        f"{QUEUE}GetStatus&Token={token}",
        f"{QUEUE}QueueStatus",
        f"{QUEUE}Progress&Token={token}",
        f"{QUEUE}GetActionParameters&Token={token}",
        f"{QUEUE}Pause",
        f"{QUEUE}Resume",
        f"{QUEUE}Stop",
        f"{QUEUE}Cancel&Token={token}",
        "/action=TaskList",
    )
    for target in others:
        told = lone_face.client.get(target).text.replace("xmlns:autn=", "")
        assert "autn:" not in told, target
    for target in WITH_AUTN:
        assert "<autn:" in lone_face.client.get(target).text, target


def test_the_pid_stands_there_letter_by_letter(lone_face: Face) -> None:
    assert "<autn:pid>" in lone_face.client.get("/a=getpid").text


@pytest.mark.parametrize("spelled", [str, lambda token: quote(token, safe="").replace("-", "%2D")])
def test_a_token_is_taken_back_raw_and_escaped(lone_face: Face, spelled: object) -> None:
    assert callable(spelled)
    token = lone_face.token()
    assert lone_face.action(spelled(token)).findtext("token") == token


@pytest.mark.parametrize(
    ("form", "shape"), [("json", lambda token: {"$": token}), ("simplejson", lambda token: token)]
)
def test_a_token_in_json_is_all_of_the_data(lone_face: Face, form: str, shape: object) -> None:
    assert callable(shape)
    told = lone_face.client.get(f"/action=Echo&To=me&responseFormat={form}").json()
    (name,) = told["autnresponse"]["responsedata"]
    found = told["autnresponse"]["responsedata"][name]
    token = found["$"] if form == "json" else found
    assert name == "token" and found == shape(token)
    assert lone_face.action(token).findtext("status") == "Queued"


@pytest.mark.parametrize("verb", ["Stop", "Cancel", "Pause", "Resume"])
@pytest.mark.parametrize("form", ["xml", "json", "simplejson"])
def test_a_verb_answers_success_and_little_else_with_and_without_a_token(
    lone_face: Face, verb: str, form: str
) -> None:
    for target in (f"&Token={lone_face.token()}", "" if verb != "Cancel" else "&State=Queued"):
        reply = lone_face.client.get(f"{QUEUE}{verb}{target}&ResponseFormat={form}")
        assert "SUCCESS" in reply.text and len(reply.content) < 1000


def test_an_encrypted_action_is_one_more_that_is_unknown(lone_face: Face) -> None:
    assert lone_face.error("/action=Encrypted&Data=xyz")["errorcode"] == "ERRORNOTIMPLEMENTED"
    assert "autn-content-type" not in lone_face.client.get("/action=Encrypted").headers


def test_with_classic_status_a_stopped_action_is_an_error_that_says_by_whom(lone_url: str) -> None:
    database = Database(lone_url)
    with facing(lone_url, database, CONNECTOR_ACTIONS_CLASSICSTATUS="true") as face:
        token, worker = face.token(), new_token()
        with leases.alive(database, worker):
            (run,) = database.run(claim.claim, "Echo", worker, 1)
            face.get(f"{QUEUE}Stop&Token={token}")
            database.run(outcomes.stop, run)
        action = face.action(token)
    assert action.findtext("status") == "Error"
    error = action.findtext("error") or ""
    assert error.startswith("Stopped by http ") and "127.0.0.1" in error
