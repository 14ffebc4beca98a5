"""TLS on a real socket: certificates of server and clients, and their replacement."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from connector.aci.tls import TlsError, make_context
from connector.config.tls import SslSettings
from tests.aci.certificates import Authority
from tests.aci.serving import Face, facing
from tests.conftest import fresh_url

Serve = Callable[..., contextlib.AbstractContextManager[Face]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path: Path, authority: Authority) -> Serve:
    """Serves with the certificate of "server", and settings of a test's own."""
    url = fresh_url("sqlite", request, tmp_path, migrated=True)
    certificate, key = authority.write("server")

    def serving(**environment: str) -> contextlib.AbstractContextManager[Face]:
        environment.setdefault("CONNECTOR_SSL_SSLCERTIFICATE", str(certificate))
        environment.setdefault("CONNECTOR_SSL_SSLPRIVATEKEY", str(key))
        return facing(url, None, None, client_of(authority), **environment)

    return serving


def client_of(authority: Authority, name: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if name:
        context.load_cert_chain(*authority.write(name, f"{name}.example.com"))
    return context


def asked(face: Face, context: ssl.SSLContext, target: str = "/action=GetPid") -> str:
    """Ask on a connection of its own."""
    with httpx2.Client(verify=context, trust_env=False, base_url=face.client.base_url) as client:
        return client.get(target).text


def shown(face: Face, authority: Authority) -> object:
    """Return the common name of the certificate that the server shows."""
    host = str(face.client.base_url.host), face.port
    context = client_of(authority)

    with (
        socket.create_connection(host) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        certificate = connection.getpeercert()
    assert certificate is not None
    return certificate["subject"]


def test_actions_are_answered_over_tls_and_not_in_clear(serve: Serve) -> None:
    with serve() as face:
        assert face.token()
        assert b"SUCCESS" not in face.raw(b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert face.token()


def test_a_new_certificate_is_shown_without_a_restart_and_open_connections_go_on(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    with serve() as face:
        assert face.certificates is not None
        assert face.token()
        assert "server" in repr(shown(face, authority))
        assert not face.certificates.refresh(), "nothing has changed"
        certificate, key = authority.write("renewed")
        key.replace(tmp_path / "server.key")
        assert not face.certificates.refresh(), "the two files do not belong together"
        assert "server" in repr(shown(face, authority))
        certificate.replace(tmp_path / "server.crt")
        assert face.certificates.refresh()
        assert "renewed" in repr(shown(face, authority))
        assert face.token(), "on the connection that was open before"


ROLES = {
    "CONNECTOR_AUTHORIZATIONROLES_0": "Machines",
    "CONNECTOR_MACHINES_STANDARDROLES": "Query",
    "CONNECTOR_MACHINES_SSLIDENTITIES": "Ci.example.com,robot",
}


def test_a_role_is_given_to_who_proves_an_identity_by_common_or_alternative_name(
    serve: Serve, authority: Authority
) -> None:
    with serve(CONNECTOR_SSL_SSLCACERTIFICATE=str(authority.file), **ROLES) as face:
        assert "SUCCESS" in asked(face, client_of(authority, "ci")), "alternative name"
        assert "SUCCESS" in asked(face, client_of(authority, "robot")), "common name"
        for context in (client_of(authority, "other"), client_of(authority)):
            assert "ERRORNOTPERMITTED" in asked(face, context)


def test_a_client_certificate_of_an_unknown_authority_is_no_identity(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    stranger = Authority(tmp_path / "elsewhere", "stranger")
    context = client_of(authority)
    context.load_cert_chain(*stranger.write("robot"))
    with serve(CONNECTOR_SSL_SSLCACERTIFICATE=str(authority.file), **ROLES) as face:
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            asked(face, context)
        assert "SUCCESS" in asked(face, client_of(authority, "robot"))


def test_an_authority_that_was_taken_away_vouches_for_nobody_without_a_restart(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    successor = Authority(tmp_path / "new", "successor")
    vouching = tmp_path / "vouching.pem"
    vouching.write_bytes(authority.file.read_bytes())
    old, new = client_of(authority, "robot"), client_of(authority)
    new.load_cert_chain(*successor.write("robot"))
    with serve(CONNECTOR_SSL_SSLCACERTIFICATE=str(vouching), **ROLES) as face:
        assert face.certificates is not None
        assert "SUCCESS" in asked(face, old)
        vouching.write_bytes(successor.file.read_bytes() + b"\n")
        assert face.certificates.refresh()
        assert "SUCCESS" in asked(face, new)
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            asked(face, old)


def test_without_a_certificate_a_client_is_turned_away_where_one_is_wanted(
    serve: Serve, authority: Authority
) -> None:
    wanted = {"CONNECTOR_SSL_SSLCHECKCERTIFICATE": "true"}
    with serve(CONNECTOR_SSL_SSLCACERTIFICATE=str(authority.file), **wanted) as face:
        assert "SUCCESS" in asked(face, client_of(authority, "anybody"))
        with pytest.raises((httpx2.TransportError, ssl.SSLError)):
            asked(face, client_of(authority))


def test_a_key_with_a_password_is_used(authority: Authority) -> None:
    certificate, key = authority.write("locked", password="sesame")

    def context(password: str | None) -> ssl.SSLContext:
        secret = None if password is None else SecretStr(password)
        return make_context(
            SslSettings(
                ssl_certificate=certificate, ssl_private_key=key, ssl_private_key_password=secret
            )
        )

    assert context("sesame")
    for wrong in (None, "simsim"):
        with pytest.raises(TlsError, match="SSLPrivateKeyPassword") as caught:
            context(wrong)
        assert "simsim" not in str(caught.value)


def test_a_file_that_cannot_be_used_is_named_with_what_would_be_right(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.write("server")
    nothing, junk = tmp_path / "nothing.pem", tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for given, told in (
        ({"ssl_certificate": nothing}, f"{nothing} cannot be read: No such file"),
        ({"ssl_certificate": junk}, "expected PEM files that belong together"),
        ({"ssl_certificate": certificate}, "expected PEM files that belong together"),
        (
            {"ssl_certificate": certificate, "ssl_private_key": key, "ssl_ca_certificate": junk},
            f"SSLCACertificate {junk} cannot be used",
        ),
    ):
        with pytest.raises(TlsError, match="SSL") as caught:
            make_context(SslSettings.model_validate(given))
        assert told in str(caught.value)
