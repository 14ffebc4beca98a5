"""Secret parameters on their way from a client to an action, with the key file and without."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import sqlalchemy as sa

from connector.jobs import reading
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.why import why
from tests.system.conftest import Server, eventually, result_of, sqlite


@sqlite
def test_an_action_gets_its_secret_and_without_the_key_file_waits_for_it(server: Server) -> None:
    server.keep_log = True
    server.start("serve")
    sent = {"Do": "tell_length_of_secret", "Password": "hunter2"}
    token = server.ask("Test", **sent).findtext("token")
    assert token and result_of(server.wait(token, State.FINISHED)) == {"length": 7}
    key = server.folder / "data" / "secret.key"
    copy = key.read_bytes()

    key.unlink()
    key.mkdir()  # so that none is made in its place
    waiting = server.submit(
        "tell_length_of_secret", Password={"$secret": _sealed(copy.decode().split()[0])}
    )
    eventually("it is handed back", lambda: server.job(waiting).attempt == 1)
    job = server.wait(waiting, State.QUEUED)
    told = server.database.read(why, waiting)
    assert "KeyFile" in told.explanation and told.cause == "not due"
    assert (job.failures, job.losses) == (0, 0)

    key.rmdir()
    key.write_bytes(copy)
    now = {"run_at": datetime.now(UTC), "changed_by": "a DBA"}
    server.database.run(
        lambda tx: tx.execute(sa.update(jobs).where(jobs.c.token == waiting).values(now))
    )
    assert result_of(server.wait(waiting, State.FINISHED)) == {"length": 7}
    assert server.end() == 0
    assert "hunter2" not in server.log.read_text()


@sqlite
def test_what_an_action_tells_does_not_hold_its_secret(server: Server) -> None:
    server.keep_log = True
    server.start("serve")
    secret = 'gehe"im\\ñ'
    sent = {"Do": "tell_secret", "Password": secret}
    token = server.ask("Test", **sent).findtext("token")
    assert token and server.wait(token, State.FAILED).error == "ValueError: '***' is refused"
    told = ET.tostring(server.status("Test", token), "unicode")
    token = server.ask("Test", **sent, What="result").findtext("token")
    assert token
    result = result_of(server.wait(token, State.FINISHED))
    assert result == {"***": {"$": "the secret is ***"}, "list": ["***"]}
    told += ET.tostring(server.status("Test", token), "unicode")
    progress = server.database.read(reading.get, [token])[token].progress
    assert progress == {"of": ["***"]}
    assert server.end() == 0
    told += server.log.read_text()
    assert "logged ***" in told and "printed as an error ['***']" in told
    assert "ValueError: '***' is refused" in told and "Traceback" in told
    for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], "gehe"):
        assert form not in told


def _sealed(key: str) -> str:
    from connector.config.keyring import Keyring

    return Keyring([key]).encrypt('"hunter2"')
