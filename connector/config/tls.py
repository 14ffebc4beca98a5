"""The section [SSL]: the certificate that the server shows, and those it wants of clients."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from connector.config.model import SectionModel
from connector.config.values import Boolean, Form, Setting, ShownAsMask


def _plain_method(value: str) -> str:
    text = value.strip().casefold()
    if text not in ("negotiate", "tlsv1.2", "tlsv1.3"):
        raise ValueError("expected one of Negotiate, TLSV1.2, TLSV1.3; older ones are not safe")
    return text


class SslSettings(SectionModel, frozen=True):
    """TLS of the server; another section may be named by `[Server] SSLConfig`.

    Files are read again when they change, without a restart.
    """

    ssl_method: Annotated[
        str,
        AfterValidator(_plain_method),
        Form("one of Negotiate, TLSV1.2, TLSV1.3"),
        Setting("Oldest version of TLS that is spoken; Negotiate is 1.2.", key="SSLMethod"),
    ] = "negotiate"
    ssl_certificate: Annotated[
        Path | None,
        Form("a file", path=True),
        Setting(
            "File with the server's certificate (PEM), followed by those between it and a "
            "well-known authority. Without it the server speaks plain HTTP.",
            key="SSLCertificate",
            example="/etc/webex-connector/server.pem",
        ),
    ] = None
    ssl_private_key: Annotated[
        Path | None,
        Form("a file", path=True),
        Setting(
            "File with the key of the certificate (PEM); the certificate's own file if left out.",
            key="SSLPrivateKey",
            example="/etc/webex-connector/server.key",
        ),
    ] = None
    ssl_private_key_password: Annotated[
        SecretStr | None,
        ShownAsMask,
        Form("a password", secret=True),
        Setting(
            "Password of the key's file.",
            key="SSLPrivateKeyPassword",
            example="password-of-the-key",
        ),
    ] = None
    ssl_ca_certificate: Annotated[
        Path | None,
        Form("a file", path=True),
        Setting(
            "File with certificates (PEM) of the authorities that vouch for clients.",
            key="SSLCACertificate",
            example="/etc/webex-connector/clients.pem",
        ),
    ] = None
    ssl_check_certificate: Annotated[
        Boolean,
        Setting(
            "Whether a client without a certificate of such an authority is turned away. If not, "
            "it has no TLS identity.",
            key="SSLCheckCertificate",
        ),
    ] = False

    def conflicts(self, section: str) -> list[str]:
        """Return what is wrong with the keys together; `section`: the name they stand under."""
        wanted = section.casefold() != "ssl" or self.ssl_private_key or self.ssl_ca_certificate
        if self.ssl_certificate is None and (wanted or self.ssl_check_certificate):
            return [
                f"[{section}] has no SSLCertificate: expected the file of the server's certificate,"
                " without which there is no TLS"
            ]
        if self.ssl_check_certificate and self.ssl_ca_certificate is None:
            return [
                f"[{section}] SSLCheckCertificate is set: expected SSLCACertificate too, the file "
                "of the authorities that vouch for clients"
            ]
        return []
