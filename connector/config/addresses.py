"""Where things are: what is loopback, Webex's base URL, the database and its schema."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationInfo,
)

from connector.config.values import MASK, Form, ShownAsMask, in_clear

ENGINES = ("mariadb", "postgresql", "sqlite")

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_SCHEMA_NAMES = "a name of small letters, digits and _, at most 63, not public and not pg_..."


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def shown_url(url: str) -> str:
    """A database URL as people may see it: no password, no query.

    Errs on the side of hiding: all between the first ``:`` of the user part and the last ``@`` of
    the whole text is masked, because a password need not be escaped properly.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return MASK
    user, at, place = rest.rpartition("@")
    place = place.partition("?")[0]
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{':' + MASK if colon else ''}{at}{place}"


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or " " in url:
        raise ValueError("expected an address such as https://webexapis.com/v1")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("expected no user, query (?) or fragment (#) in the address")
    return url.rstrip("/")


def _database_url(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    if in_clear(info):  # handed over by a process that has looked at it
        return secret
    url = secret.get_secret_value()
    engine, separator, place = url.partition("://")
    if not separator or engine.partition("+")[0] not in ENGINES:
        raise ValueError(
            "expected sqlite:///folder/file.db, postgresql://user:password@host/database "
            "or mariadb://user:password@host/database"
        )
    if engine.startswith("sqlite") and place.partition("?")[0] in ("", "/", "/:memory:"):
        raise ValueError(
            "expected a file, as in sqlite:////var/lib/connector/connector.db: "
            "all processes share the database"
        )
    if "@" in _host(url):  # a part of the password, which messages about the host would show
        raise ValueError(
            "expected an address after ://, as in user:password@host:5432/database, with "
            "signs such as @ : / in a password written as %40 %3A %2F"
        )
    return secret


_PLAIN = re.compile(r"[\w+]+://([^:/?#@]*(:[^:/?#@]*)?@)?[\w.-]*(:\d+)?(/[^@?#]*)?(\?[^@]*)?")
"""A URL that can be read in one way only."""


def _host(url: str) -> str:
    if _PLAIN.fullmatch(url):
        return ""
    # A quarter of a second to import, which a server that is to be back at work does without.
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).host or ""
    except (ArgumentError, ValueError):
        return "@"


def as_user_of(place: SecretStr, who: SecretStr) -> SecretStr:
    """A URL that leads where the first one does, and logs in as the second one does."""
    from sqlalchemy import URL, make_url

    given = make_url(who.get_secret_value())
    there = make_url(place.get_secret_value())
    login = ("user", "password")  # in the query they win over those before the host
    query = {name: value for name, value in there.query.items() if name not in login}
    query |= {name: given.query[name] for name in login if name in given.query}
    url = URL.create(
        there.drivername,
        given.username,
        given.password,
        there.host,
        there.port,
        there.database,
        query,
    )
    return SecretStr(url.render_as_string(hide_password=False))


def _schema_name(name: str) -> str:
    # The schemas of PostgreSQL itself, and the one that all its users share.
    if not _SCHEMA_NAME.fullmatch(name) or name == "public" or name.startswith("pg_"):
        raise ValueError(f"expected {_SCHEMA_NAMES}")
    return name


def _token(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            "expected the token alone: letters, digits and signs without blanks, "
            "without 'Bearer' before it"
        )
    return text


def _shown_database(secret: SecretStr, info: SerializationInfo) -> str:
    url = secret.get_secret_value()
    return url if in_clear(info) else shown_url(url)


BaseURL = Annotated[str, AfterValidator(_base_url), Form("an http or https address")]
DatabaseURL = Annotated[
    SecretStr,
    AfterValidator(_database_url),
    PlainSerializer(_shown_database, return_type=str),
    Form("a database URL", secret=True),
]
DirectURL = Annotated[
    SecretStr | None,
    AfterValidator(lambda url, info: None if url is None else _database_url(url, info)),
    PlainSerializer(
        lambda secret, info: None if secret is None else _shown_database(secret, info),
        return_type=str | None,
    ),
    Form("a database URL", secret=True),
]
SchemaName = Annotated[str, AfterValidator(_schema_name), Form(_SCHEMA_NAMES)]
AccessToken = Annotated[
    SecretStr | None, BeforeValidator(_token), ShownAsMask, Form("a token", secret=True)
]
