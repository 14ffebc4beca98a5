"""Asynchronous actions about the server want the role Admin, however they are asked for."""

import pytest

from connector.db.engine import Database
from tests.aci.serving import facing_built_in
from tests.aci.test_keys import FETCHED, answer, made

pytestmark = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)

SENT = (
    "/action=BackupServer",
    "/action=RestoreServer&Path=a.zip",
    "/action=PurgeDatastore&Section=ONE",
)


@pytest.mark.parametrize("target", SENT)
def test_only_an_admin_may_send_one(database: Database, empty_url: str, target: str) -> None:
    with facing_built_in(empty_url) as face:
        query, admin = made(face, "Query"), made(face, "Admin")
        assert "ERRORNOTPERMITTED" in answer(face, target, query)
        assert "<token>" in answer(face, target, admin)


@pytest.mark.parametrize("verb", ["Duplicate", "Retry", "GetActionParameters", "GetStatus", "Stop"])
def test_only_an_admin_may_have_one_sent_again_or_look_at_it(
    database: Database, empty_url: str, verb: str
) -> None:
    with facing_built_in(empty_url) as face:
        token = face.token(SENT[1])
        both, query = made(face, "Query", "Admin"), made(face, "Query")
        for name in ("RestoreServer", "%20restoreSERVER%20"):
            target = f"{FETCHED}{name}&Token={token}".replace("GetStatus", verb)
            assert "ERRORNOTPERMITTED" in answer(face, target, query)
        assert "ERRORNOTPERMITTED" not in answer(face, target, both)
        assert "SUCCESS" in answer(face, f"{FETCHED}Fetch", query)


@pytest.mark.parametrize("path", ["/etc", "../a", "a//b"])
def test_a_path_that_leads_out_is_refused_and_nothing_is_stored(
    database: Database, empty_url: str, path: str
) -> None:
    with facing_built_in(empty_url) as face:
        told = face.client.get("/action=BackupServer", params={"Path": path}).text
        assert "ERRORPARAMINVALID" in told and "inside the server" in told
