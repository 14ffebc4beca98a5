"""Where the server listens, whom it takes for whom, and what a connection may hold."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connector.config.model import SectionModel
from connector.config.peers import Clients
from connector.config.values import Form, Seconds, Setting, Size, Strings, Whole


def _host(host: str) -> str:
    text = host.strip().strip("[]")
    if not text or not text.isascii() or any(c in "/@?#*, " for c in text):
        raise ValueError("expected an address or a name of this machine, such as 127.0.0.1")
    return text


class ListeningSettings(SectionModel, frozen=True):
    """The keys of ``[Server]`` about connections."""

    port: Annotated[
        Whole,
        Field(ge=0, le=65535),
        Setting("TCP port for actions. 0 takes any free port."),
    ] = 7023
    host: Annotated[
        str,
        AfterValidator(_host),
        Form("an address or a name of this machine"),
        Setting(
            "Address to listen on. Any but a loopback address wants `[AuthorizationRoles]`, or an "
            "API key made by `webex-connector key create`; 0.0.0.0 and :: are all addresses."
        ),
    ] = "127.0.0.1"
    host_names: Annotated[
        Strings,
        Setting(
            "Names by which clients reach this server, beside localhost and the machine's own. A "
            "request for another `Host` is refused, since a web page may have sent it."
        ),
    ] = ()
    trusted_proxies: Annotated[
        Clients,
        Setting(
            "Proxies whose `X-Forwarded-For` is believed. What any other peer has forwarded is "
            "never given the role Admin."
        ),
    ] = ()
    ssl_config: Annotated[
        str,
        Setting(
            "Name of the section with the certificate. The server speaks TLS where that section "
            "has SSLCertificate.",
            key="SSLConfig",
        ),
    ] = "SSL"
    max_header_size: Annotated[
        Size,
        Field(ge=8 << 10, le=1 << 20),
        Setting("Most bytes of request line and headers together.", "bytes"),
    ] = 256 << 10
    max_requests_per_client: Annotated[
        Whole,
        Field(ge=1, le=100000),
        Setting(
            "Requests of one client (an address, or an API key) under way at once in each HTTP "
            "process; more are answered with an error at once.",
            "requests",
        ),
    ] = 2000
    max_connections: Annotated[
        Whole,
        Field(ge=1, le=1000000),
        Setting(
            "Connections that each HTTP process has open at once; further ones are closed.",
            "connections",
        ),
    ] = 10000
    max_listeners: Annotated[
        Whole,
        Field(ge=0, le=100000),
        Setting(
            "Clients that listen to `/events` of each HTTP process at once; further ones are "
            "refused.",
            "clients",
        ),
    ] = 500
    header_seconds: Annotated[
        Seconds,
        Field(gt=0, le=3600),
        Setting("Time a client has to send a request's line and headers.", "seconds"),
    ] = 20.0
    stalled_seconds: Annotated[
        Seconds,
        Field(gt=0, le=3600),
        Setting(
            "A client that takes nothing of its answer for this time loses the connection.",
            "seconds",
        ),
    ] = 30.0
    connection_seconds: Annotated[
        Seconds,
        Field(gt=0),
        Setting(
            "A connection this old is closed as soon as no request is under way on it, and in any "
            "case at twice this age.",
            "seconds",
        ),
    ] = 3600.0
