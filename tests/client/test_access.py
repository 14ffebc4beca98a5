"""The client where the server wants to know who it is: TLS, certificates, API keys."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from connector.client import Client, Refused, Unreachable
from tests.aci.certificates import Authority
from tests.aci.serving import facing
from tests.commands import Program, checkout
from tests.conftest import fresh_url


def test_a_private_authority_is_trusted_where_it_is_named_and_nowhere_else(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.write("server")
    files = {
        "CONNECTOR_SSL_SSLCERTIFICATE": str(certificate),
        "CONNECTOR_SSL_SSLPRIVATEKEY": str(key),
    }
    trusting = ssl.create_default_context(cafile=str(authority.file))
    url = fresh_url("sqlite", request, tmp_path, migrated=True)
    with facing(url, None, None, trusting, **files) as face:
        address = f"https://127.0.0.1:{face.port}/"
        with Client(address, tls=trusting) as client:
            token = client.submit("Echo", {"To": "you"})
            assert client.status("Echo", token).word == "Queued"
        with Client(address) as client, pytest.raises(Unreachable):
            client.ask("GetPid")
        command = ("status", token, "-q", "Echo", "-s", address)
        plain = checkout(tmp_path)
        assert plain.run(*command).returncode == 1
        assert "<status>Queued</status>" in told(plain, authority.file).run(*command).stdout
        refused = told(plain, tmp_path / "none").run(*command)
        assert refused.returncode == 1
        assert f"WEBEX_CONNECTOR_CA names {tmp_path}/none" in refused.stderr


def told(program: Program, trusted: Path) -> Program:
    """Return the program with a file of certificates to trust."""
    return replace(program, command=("env", f"WEBEX_CONNECTOR_CA={trusted}", *program.command))


def test_a_key_the_server_does_not_know_is_refused_by_its_code(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with facing(fresh_url("sqlite", request, tmp_path, migrated=True)) as face:
        with Client(f"http://127.0.0.1:{face.port}", api_key="wxc_unknown") as client:
            with pytest.raises(Refused) as caught:
                client.ask("GetPid")
    assert (caught.value.code, caught.value.number) == ("ERRORKEYINVALID", 531)
