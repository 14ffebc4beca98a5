"""The database is gone, frozen or locked: an answer in time, and back to work when it is back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.db.schema import schema_info
from connector.jobs import reading
from tests.aci.serving import Face, facing
from tests.conftest import fresh_url, migrate
from tests.proxy import Proxy

SEND = "/action=Echo&To=you"
LISTING = "/action=QueueInfo&QueueName=Echo&QueueAction=GetStatus"


@pytest.fixture
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Face, Proxy, Database]]:
    """A face that reaches PostgreSQL through a wire, the wire, and the database past it."""
    url = sa.make_url(fresh_url("postgresql", request, tmp_path))
    direct = Database(url.render_as_string(hide_password=False))
    migrate(direct)
    with Proxy(url.port or 5432) as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        with facing(through, CONNECTOR_SERVER_ANSWERSECONDS="4") as face:
            yield face, proxy, direct
            proxy.open()
    direct.close()


def in_time(face: Face, target: str, seconds: float = 4.5) -> dict[str, str]:
    begun = time.monotonic()
    error = face.error(target)
    assert time.monotonic() - begun < seconds
    return error


def eventually_takes(face: Face) -> str:
    end = time.monotonic() + 20
    while True:
        token = face.get(SEND).findtext("responsedata/token")
        if token:
            return token
        assert time.monotonic() < end, "it does not work again"


def test_a_database_that_is_gone_is_told_and_comes_back(
    wire: tuple[Face, Proxy, Database],
) -> None:
    face, proxy, direct = wire
    before = face.token(SEND)
    proxy.cut()
    for target in (SEND, LISTING, f"{LISTING}&Token={before}"):
        error = in_time(face, target)
        assert error["errorcode"] == "ERRORUNAVAILABLE"
        assert "postgres" not in error["errordescription"], "no address for clients"
    assert face.client.get("/readyz").status_code == 503
    assert face.client.get("/livez").status_code == 200
    proxy.open()
    after = eventually_takes(face)
    assert set(direct.read(reading.get, [before, after])) == {before, after}
    assert len(direct.read(reading.page, "Echo")) == 2, "what was refused is not stored"


def test_a_database_that_hangs_is_told_in_time(wire: tuple[Face, Proxy, Database]) -> None:
    face, proxy, _ = wire
    face.token(SEND)
    proxy.freeze()
    for target in (SEND, SEND, LISTING):
        assert in_time(face, target)["errorcode"] in ("ERRORINDOUBT", "ERRORUNAVAILABLE")
    proxy.open()
    eventually_takes(face)


def test_a_commit_whose_answer_is_lost_names_the_token(
    wire: tuple[Face, Proxy, Database],
) -> None:
    face, proxy, direct = wire
    face.token(SEND)
    proxy.cut_after(b"INSERT")  # which is a transaction by itself
    error = in_time(face, SEND)
    assert error["errorcode"] == "ERRORINDOUBT"
    end = time.monotonic() + 10
    while len(known := [job.token for job in direct.read(reading.page, "Echo")]) < 2:
        assert time.monotonic() < end, "the server had the statement, and does it without us"
    assert len(known) == 2 and known[0] in error["errordescription"]
    proxy.open()
    eventually_takes(face)


def test_a_copy_whose_commit_is_in_doubt_is_named_too(
    wire: tuple[Face, Proxy, Database],
) -> None:
    face, proxy, direct = wire
    token = face.token(SEND)
    proxy.cut_after(b"INSERT", b"COMMIT")
    error = in_time(face, f"/action=QueueInfo&QueueName=Echo&QueueAction=Duplicate&Token={token}")
    assert error["errorcode"] == "ERRORINDOUBT" and "harmless" not in error["errordescription"]
    end = time.monotonic() + 10
    while len(known := {job.token for job in direct.read(reading.page, "Echo")}) < 2:
        assert time.monotonic() < end, "the server had the COMMIT, and does it without us"
    (copy,) = known - {token}
    assert copy in error["errordescription"]


def test_an_sqlite_file_locked_by_hand_is_told_and_comes_back(lone_face: Face) -> None:
    other = sa.create_engine(lone_face.database.engine.url, poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        error = in_time(lone_face, SEND, 8.0)
        assert error["errorcode"] == "ERRORUNAVAILABLE" and "lock" in error["errordescription"]
        connection.exec_driver_sql("ROLLBACK")
    other.dispose()
    assert lone_face.token(SEND)


def test_nothing_is_stored_in_a_schema_for_newer_programs(lone_face: Face) -> None:
    newer = sa.update(schema_info).values(oldest_program="99.1")
    lone_face.database.run(lambda tx: tx.execute(newer))
    assert "not those of this program" in lone_face.error(SEND)["errordescription"]
    assert lone_face.get(LISTING).find("responsedata/actions/action") is None
