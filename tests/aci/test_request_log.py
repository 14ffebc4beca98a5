"""GetRequestLog: the newest requests, and nothing of them that is secret."""

import asyncio
import re
from collections.abc import Iterable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.aci.authorization import Admission, Caller
from connector.aci.masking import Masking
from connector.aci.parameters import Parameters
from connector.aci.refusals import Refusals
from connector.aci.request_log import KEPT, LONGEST, LONGEST_VALUE, RequestLog
from connector.config.secrecy import sounds_secret
from connector.config.values import MASK
from tests.aci.serving import Echo, Face

AUTN = "{http://schemas.autonomy.com/aci/}"


def log() -> RequestLog:
    return RequestLog(Masking({"Echo": Echo()}))


def told(face: Face, target: str = "/action=GetRequestLog") -> list[dict[str, str]]:
    entries = face.get(target).findall("responsedata/logentry")
    return [{child.tag.removeprefix(AUTN): child.text or "" for child in each} for each in entries]


def test_a_request_is_told_with_who_sent_it_when_and_how_it_went(lone_face: Face) -> None:
    lone_face.token("/action=Echo&&To=a%20b%26c&")
    lone_face.error("/action=echo")
    failed, good = told(lone_face)
    assert list(good) == ["action", "request", "client", "time", "duration", "status", "thread"]
    assert good["action"] == failed["action"] == "ECHO"
    assert good["request"] == "action=Echo&To=a%20b%26c" and failed["request"] == "action=echo"
    assert good["client"] == "127.0.0.1" and good["thread"].isdigit()
    assert (good["status"], failed["status"]) == ("success", "error")
    assert re.fullmatch(r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d", good["time"])
    assert re.fullmatch(r"\d+\.\d\d ms", good["duration"])


def test_it_answers_to_its_short_name_and_tells_as_many_as_asked(lone_face: Face) -> None:
    for target in ("/a=getpid", "/a=getversion", "/a=nothing"):
        lone_face.get(target)
    assert [entry["action"] for entry in told(lone_face, "/a=GRL&Tail=2")] == [
        "NOTHING",
        "GETVERSION",
    ]
    assert told(lone_face, "/a=grl&tail=0") == [] == told(lone_face, "/a=grl&tail=-3")
    assert "Tail" in lone_face.error("/a=grl&tail=few")["errordescription"]


def test_only_the_newest_are_kept_and_what_cannot_be_read_is_told_too(lone_face: Face) -> None:
    for _ in range(KEPT + 5):
        lone_face.get("/a=getpid")
    lone_face.error("/action=Echo&To=%ff")
    entries = told(lone_face)
    assert len(entries) == KEPT
    assert (entries[0]["request"], entries[0]["status"]) == ("action=Echo", "error")
    assert {entry["action"] for entry in entries[1:]} == {"GETPID"}


@pytest.mark.parametrize(
    "secret",
    [
        "/action=Echo&To=you&PIN=",
        "/a=ECHO&pin=",
        "/action=Echo&To=you&Password=",
        "/action=Nothing&client_secret=",
        "/action=Fetch&[Webex]AccessToken=",
        "/action=Fetch&Config=",
        "/action=QueueInfo&X-Api-Key=",
        *(f"/action=Echo&To=you&{name}=" for name in "Pass pwd jwt OAuth webextoken sig".split()),
        *(f"/action=Fetch&{name}=" for name in "BotToken X-Signature Key apikey UserPass".split()),
        "/action=Fetch&%EF%BC%B0%EF%BD%81ssword=",
    ],
)
def test_no_secret_is_told_however_the_request_ends(lone_face: Face, secret: str) -> None:
    lone_face.get(f"{secret}hunter2&Last=1")
    shown = lone_face.client.get("/action=GetRequestLog").text
    assert "hunter2" not in shown and f"={MASK}" in shown and "Last=1" in shown


@pytest.mark.parametrize(
    "name",
    "Token To QueueName TaskSections ActionID After Idempotency-Key Author Compass Path".split(),
)
def test_what_people_look_for_in_a_log_is_no_secret(name: str) -> None:
    assert not sounds_secret(name)


def kept_of(action: str, sent: Iterable[tuple[str, str]], outcome: str) -> dict[str, str]:
    """Return how one request is told."""
    kept = log()
    kept.note(action, Parameters(sent), "::1", 0.5, outcome)
    reply = asyncio.run(kept.answer({"Tail": 1}, Admission(Caller("me", ()), Refusals())))
    entries = cast(list[dict[str, str]], reply.data["logentry"])
    return entries[0]


@given(st.text(st.characters()), st.dictionaries(st.text(st.characters()), st.text(max_size=900)))
def test_whatever_is_sent_takes_little_room(action: str, sent: dict[str, str]) -> None:
    entry = kept_of(action, sent.items(), "ERROR")
    longest = 12 * (LONGEST_VALUE + 1) * 2  # a character of a value is twelve escaped at most
    assert len(entry["autn:request"]) <= LONGEST + 2 * longest
    assert entry["autn:status"] == "error"


@pytest.mark.parametrize("size", [3, 900])
def test_a_thousand_parameters_are_cut_and_still_masked(size: int) -> None:
    sent = [("Pin", "s" * size), *((f"P{n}", "v" * size) for n in range(999))]
    request = kept_of("Echo", sent, "SUCCESS")["autn:request"]
    assert request.endswith("&…") and len(request) < LONGEST + 2 * LONGEST_VALUE
    assert request.startswith(f"action=Echo&Pin={MASK}&P0=vvv")
