"""May the server listen where it is told to? Asked by `serve` before it listens, and by `check`."""

import contextlib

from connector.aci.tls import make_context
from connector.config import Settings
from connector.config.addresses import is_loopback
from connector.db import api_keys
from connector.process import open_database


def objection(settings: Settings) -> str | None:
    """Return the sentence that says why the server must not listen there, and what to set.

    Where everybody may come, somebody must be named: by roles, or by an API key that is accepted.
    Raises TlsError for certificates that cannot be used, DatabaseError if no keys can be read.
    """
    if settings.ssl.ssl_certificate is not None:
        make_context(settings.ssl)
    if is_loopback(settings.server.host) or settings.roles:
        return None
    with contextlib.closing(open_database(settings, "http")) as database:
        if database.read(api_keys.live):
            return None
    return (
        f"[Server] Host is {settings.server.host}, which others can reach, and nobody is named who "
        "may send what: set [AuthorizationRoles], or make an API key with webex-connector key "
        "create, or listen on 127.0.0.1"
    )
