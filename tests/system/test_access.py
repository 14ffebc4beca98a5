"""Who is let in by a real server, on every engine."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.aci.certificates import Authority
from tests.system.conftest import Server, eventually, sqlite, two_engines

ANYWHERE = {"CONNECTOR_SERVER_HOST": "0.0.0.0"}
ROLES = {
    "CONNECTOR_AUTHORIZATIONROLES_0": "Here",
    "CONNECTOR_HERE_CLIENTS": "localhost",
    "CONNECTOR_HERE_STANDARDROLES": "Query",
}


def command(
    server: Server, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    base = {
        **os.environ,
        "PYTHONPATH": server.package,
        "CONNECTOR_DATABASE_URL": server.url,
        "CONNECTOR_PATHS_DATADIRECTORY": str(server.folder / "data"),
        "CONNECTOR_SERVER_PORT": "0",
        "COLUMNS": "200",
    }
    # The tables were made by another user than the owner that `check` would log in as.
    environment["CONNECTOR_DATABASE_OWNERURL"] = ""
    return subprocess.run(
        [sys.executable, "-m", "connector", *arguments],
        env={**base, **server.logins, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(server: Server, *arguments: str) -> str:
    done = command(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def port(server: Server) -> str:
    return server.address.rstrip("/").rpartition(":")[2]


def ask(server: Server, target: str, key: str = "") -> str:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"http://127.0.0.1:{port(server)}{target}"
    return httpx2.get(url, headers=headers, trust_env=False).text


@sqlite
def test_a_server_that_others_can_reach_does_not_start_until_somebody_is_named(
    server: Server,
) -> None:
    for name in ("serve", "check"):
        done = command(server, name, **ANYWHERE)
        assert done.returncode == {"serve": 2, "check": 1}[name]
        told = done.stderr + done.stdout
        assert "nobody is named who may send what: set [AuthorizationRoles], or make" in told, told
        assert "webex-connector key create" in told
    said(server, "key", "create", "over", "--days", "0")
    assert command(server, "serve", **ANYWHERE).returncode == 2, "no key that is accepted"
    key = said(server, "key", "create", "ci").strip()
    server.start("serve", **ANYWHERE)
    assert "SUCCESS" in ask(server, "/action=GetPid", key)
    assert "ERRORNOTPERMITTED" in ask(server, "/action=GetStatus", key)
    assert "SUCCESS" in ask(server, "/action=GetStatus"), "from this machine"
    assert server.end() == 0


@sqlite
def test_roles_let_a_server_listen_elsewhere_too(server: Server) -> None:
    server.start("serve", **ANYWHERE, **ROLES)
    assert "SUCCESS" in ask(server, "/action=GetPid")
    assert "ERRORNOTPERMITTED" in ask(server, "/action=GetStatus"), "Admin is nobody's"
    assert server.end() == 0


@two_engines
def test_keys_are_made_listed_and_revoked_by_command_and_a_server_follows(server: Server) -> None:
    done = command(
        server, "key", "create", "ci", "--role", "admin", "--role", "Query", "-q", "test"
    )
    assert done.returncode == 2
    assert "there is no queue 'test'; there is Fetch" in done.stderr
    done = command(
        server, "key", "create", "ci", "--role", "admin", "--role", "Query", "-q", "fetch"
    )
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    identity = key.split("_")[1]
    assert key not in done.stderr
    listed = said(server, "key", "list")
    assert key not in listed
    for part in (identity, "ci", "Admin, Query", "Fetch", "good"):
        assert part in listed
    server.start("serve")
    queue = "/action=QueueInfo&QueueAction=GetStatus&QueueName="
    assert "SUCCESS" in ask(server, queue + "Fetch", key)
    assert "ERRORNOTPERMITTED" in ask(server, queue + "Other", key)
    assert said(server, "key", "revoke", identity) == f"{identity} is revoked\n"
    eventually(
        "the key is refused", lambda: "ERRORKEYINVALID" in ask(server, queue + "Fetch", key), 5
    )
    assert "revoked" in said(server, "key", "list")
    done = command(server, "key", "revoke", "0000")
    assert done.returncode == 1
    assert "there is no key 0000; webex-connector key list shows all" in done.stderr
    assert server.end() == 0


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_a_server_speaks_tls_and_takes_a_new_certificate_while_it_runs(
    server: Server, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.write("server")
    files = {
        "CONNECTOR_SSL_SSLCERTIFICATE": str(certificate),
        "CONNECTOR_SSL_SSLPRIVATEKEY": str(key),
    }
    done = command(server, "serve", CONNECTOR_SSL_SSLCERTIFICATE=str(tmp_path / "nothing.pem"))
    assert done.returncode == 2
    assert "nothing.pem cannot be read: No such file" in done.stderr
    server.start("serve", **files)
    assert server.address.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(authority.file))
    url = server.address + "action=GetPid"
    assert "SUCCESS" in httpx2.get(url, verify=context, trust_env=False).text
    other = Authority(tmp_path, "other")
    for made, place in zip(other.write("renewed"), (certificate, key), strict=True):
        made.replace(place)
    renewed = ssl.create_default_context(cafile=str(other.file))

    def answered() -> bool:
        try:
            return "SUCCESS" in httpx2.get(url, verify=renewed, trust_env=False).text
        except httpx2.TransportError:
            return False

    eventually("the new certificate is shown", answered, 10)
    assert server.end() == 0
