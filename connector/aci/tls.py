"""TLS of the server: its certificate, those of clients, and both read again when files change."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from connector import log
from connector.config.tls import SslSettings

_log = log.logger(__name__)

_OLDEST = {
    "negotiate": ssl.TLSVersion.TLSv1_2,
    "tlsv1.2": ssl.TLSVersion.TLSv1_2,
    "tlsv1.3": ssl.TLSVersion.TLSv1_3,
}


class TlsError(Exception):
    """A certificate or key cannot be used; the sentence names the file and what would be right."""


class Certificates:
    """The TLS of one listening socket.

    `context` is for the socket, for as long as it lives. Each new connection is given what the
    files held when they were last read; connections that are open keep what they have.
    """

    def __init__(self, settings: SslSettings) -> None:
        """Read the files. Raises TlsError."""
        self._settings = settings
        self._seen = self._stamps()
        self._current = make_context(settings)
        self.context = make_context(settings)
        self.context.sni_callback = self._choose

    def refresh(self) -> bool:
        """Read the files again if one has changed; True if they were taken.

        Files that do not fit together, as while they are being replaced, are logged, and what was
        read before stays in use.
        """
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            self._current = make_context(self._settings)
        except TlsError as error:
            _log.error("certificates not taken; those in use stay", why=str(error))
            return False
        _log.info("certificates read again", certificate=str(self._settings.ssl_certificate))
        return True

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # Called for every handshake, whether or not the client names a host.
        connection.context = self._current

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in _files(self._settings))


def make_context(settings: SslSettings) -> ssl.SSLContext:
    """Return a context for the certificate and authorities of the settings. Raises TlsError."""
    certificate = settings.ssl_certificate
    if certificate is None:
        raise TlsError("[SSL] SSLCertificate is not set")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST[settings.ssl_method]
    # A resumed session would bring along a certificate that is not looked at again.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    for path in _files(settings):
        _check_readable(path)
    password = settings.ssl_private_key_password
    # Without one OpenSSL would ask at the terminal.
    secret = password.get_secret_value() if password else ""
    key = settings.ssl_private_key or certificate
    try:
        context.load_cert_chain(certificate, key, lambda: secret)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise TlsError(
            f"[SSL] the certificate {certificate} and the key {key} cannot be used: "
            f"{_reason(error)}; expected PEM files that belong together, and "
            "SSLPrivateKeyPassword if the key has one"
        ) from error
    if settings.ssl_ca_certificate is not None:
        try:
            context.load_verify_locations(settings.ssl_ca_certificate)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(
                f"[SSL] SSLCACertificate {settings.ssl_ca_certificate} cannot be used: "
                f"{_reason(error)}; expected certificates in PEM"
            ) from error
        wanted = settings.ssl_check_certificate
        context.verify_mode = ssl.CERT_REQUIRED if wanted else ssl.CERT_OPTIONAL
    return context


def identities(connection: ssl.SSLObject | None) -> tuple[str, ...]:
    """Return the names in the certificate that the client has proved to have; () without one.

    Its common name, and its alternative names of the kinds DNS, URI and email.
    """
    certificate = connection.getpeercert() if connection is not None else None
    return tuple(dict.fromkeys(_names(certificate))) if certificate else ()


def _names(certificate: object) -> Iterator[str]:
    if not isinstance(certificate, dict):
        return
    for relative in certificate.get("subject", ()):
        yield from (value for kind, value in relative if kind == "commonName")
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in ("DNS", "URI", "email"):
            yield value


def _files(settings: SslSettings) -> Iterator[Path]:
    named = (settings.ssl_certificate, settings.ssl_private_key, settings.ssl_ca_certificate)
    yield from (path for path in named if path is not None)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsError(
            f"[SSL] {path} cannot be read: {error.strerror}; give this user the right to, or name "
            "another file"
        ) from error


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else str(error)
    return (reason or str(error)).replace("_", " ").lower()
