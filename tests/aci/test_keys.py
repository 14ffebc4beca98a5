"""API keys over a real socket, on every engine."""

import asyncio
from collections.abc import Callable

import httpx2
import pytest
import sqlalchemy as sa

from connector.aci.errors import AciError, Code
from connector.aci.keys import FRESH, STALE, KeyRing
from connector.db import api_keys
from connector.db.api_keys import ApiKey
from connector.db.engine import Database
from connector.jobs.tables import jobs
from tests.aci.serving import Echo, Face, facing

FETCHED = "/action=QueueInfo&QueueAction=GetStatus&QueueName="


class Other(Echo):
    name = "Other"


def made(face: Face, *roles: str, queues: list[str] | None = None) -> dict[str, str]:
    key = face.database.run(api_keys.create, "ci", roles, queues, "cli me")
    return {"Authorization": f"Bearer {key}"}


def answer(face: Face, target: str, headers: dict[str, str]) -> str:
    return face.client.get(target, headers=headers).text


def test_a_key_gives_its_roles_and_nothing_else(face: Face) -> None:
    query, admin = made(face, "Query"), made(face, "Admin")
    assert "SUCCESS" in answer(face, "/action=Echo&To=you", query)
    assert "SUCCESS" in answer(face, FETCHED + "Echo", query)
    assert "SUCCESS" in answer(face, "/action=GetVersion", query)
    assert "ERRORNOTPERMITTED" in answer(face, "/action=GetStatus", query), "though from here"
    assert "SUCCESS" in answer(face, "/action=GetStatus", admin)
    assert "ERRORNOTPERMITTED" in answer(face, "/action=Echo&To=you", admin)
    assert face.refusals.counts()["role"] == 2


def test_a_key_is_good_for_its_queues_alone(database: Database, empty_url: str) -> None:
    with facing(empty_url, actions={"Echo": Echo(), "Other": Other()}) as face:
        key = made(face, "Query", "Admin", queues=["echo"])
        assert "SUCCESS" in answer(face, "/action=Echo&To=you", key)
        assert "ERRORNOTPERMITTED" in answer(face, "/action=Other&To=you", key)
        assert "SUCCESS" in answer(face, FETCHED + "ECHO", key)
        for target in (FETCHED + "Other", FETCHED, FETCHED + "Nothing"):
            assert "ERRORNOTPERMITTED" in answer(face, target, key)
        token = face.token("/action=Other&To=you")
        stop = f"/action=QueueInfo&QueueAction=Stop&QueueName=Echo&Token={token}"
        assert "ERRORTOKENUNKNOWN" in answer(face, stop, key), "of another queue"
        assert "SUCCESS" in answer(face, "/action=GetVersion", key)
        assert "ERRORNOTPERMITTED" in answer(face, "/action=GetStatus", key), "of all queues"


def test_a_revoked_key_is_refused_within_two_seconds(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made(face, "Query")
    assert "SUCCESS" in answer(face, "/action=GetPid", key)
    identity = api_keys.public_part(key["Authorization"].partition(" ")[2])
    assert face.database.run(api_keys.revoke, identity or "", "cli me")
    assert FRESH <= 2
    monkeypatch.setattr("connector.aci.keys.FRESH", 0)
    assert "ERRORKEYINVALID" in answer(face, "/action=GetPid", key)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("wxc_", "wxd_"),
        lambda key: key + "x",
        lambda key: "wxc",
        lambda key: "é",
    ],
)
def test_a_wrong_key_is_refused_on_loopback_too(
    lone_face: Face, change: Callable[[str], str]
) -> None:
    key = made(lone_face, "Query")["Authorization"].partition(" ")[2]
    sent = httpx2.Headers({b"Authorization": b"Bearer " + change(key).encode()})
    reply = lone_face.client.get("/action=Echo&To=you", headers=sent)
    assert "ERRORKEYINVALID" in reply.text
    assert lone_face.refusals.counts()["key"] == 1
    assert key not in reply.text


def test_the_trail_names_the_key_and_the_address(lone_face: Face) -> None:
    key = made(lone_face, "Query")
    answer(lone_face, "/action=Echo&To=you", key)
    (action,) = lone_face.get(FETCHED + "Echo").findall("responsedata/actions/action")
    by = lone_face.database.read(lambda tx: tx.execute(sa.select(jobs.c.submitted_by)).scalar())
    identity = api_keys.public_part(key["Authorization"].partition(" ")[2])
    assert by == f"key ci ({identity}), 127.0.0.1"
    assert action.findtext("token")


def test_where_only_keys_let_in_a_stranger_without_one_is_refused_before_its_body(
    database: Database, empty_url: str
) -> None:
    environment = {
        "CONNECTOR_AUTHORIZATIONROLES_0": "Nobody",
        "CONNECTOR_NOBODY_CLIENTS": "203.0.113.0/24",
        "CONNECTOR_NOBODY_STANDARDROLES": "*",
    }
    with facing(empty_url, None, None, True, **environment) as face:
        half = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\naction="
        assert b"ERRORNOTPERMITTED" in face.raw(half)
        key = made(face, "Query")
        assert "SUCCESS" in answer(face, "/action=Echo&To=you", key)
        assert face.client.get("/livez").status_code == 200
        assert face.client.get("/metrics").status_code == 403


def test_a_forwarded_request_is_not_admin_even_with_a_key(lone_face: Face) -> None:
    key = made(lone_face, "Admin", "Query") | {"X-Forwarded-For": "127.0.0.1"}
    assert "TrustedProxies" in answer(lone_face, "/action=GetStatus", key)
    assert "SUCCESS" in answer(lone_face, "/action=GetVersion", key)


def test_keys_known_are_taken_for_a_while_when_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = database.run(api_keys.create, "ci", ["Query"], None, "cli me")
    alive, reads = database.read(api_keys.live), 0

    async def read() -> dict[str, ApiKey]:
        nonlocal reads
        reads += 1
        if reads > 1:
            raise AciError(Code.UNAVAILABLE, "away")
        return alive

    async def story() -> None:
        ring = KeyRing(read)
        several = await asyncio.gather(*(ring.find(key) for _ in range(20)))
        assert reads == 1, "whoever asks at once shares one look"
        assert all(several)
        monkeypatch.setattr("connector.aci.keys.FRESH", -1)
        assert await ring.find(key)
        monkeypatch.setattr("connector.aci.keys.STALE", -1)
        with pytest.raises(AciError):
            await ring.find(key)
        assert STALE > FRESH

    asyncio.run(story())
