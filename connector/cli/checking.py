"""`check`: are the settings right, and can the database and Webex be reached?"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from connector.aci.tls import TlsError
from connector.actions import keys
from connector.actions.registry import BUILT_IN, GROUP, names
from connector.cli import connections
from connector.cli.exposure import objection
from connector.cli.wiring import loaded_from
from connector.config import ConfigError, Settings
from connector.config.addresses import is_loopback, shown_url
from connector.config.database import LOGS_IN_AS
from connector.db import schema, secret_keys
from connector.db.errors import DatabaseError
from connector.process import open_database


def run(config: Path | None, flags: Mapping[str, str | None]) -> None:
    """Print one line a check; exit with status 1 if any failed.

    `config`: the file, as for `connector.config.load`; `flags`: "Section.Key" to value.
    """
    try:
        loaded = loaded_from(config, flags)
    except ConfigError as error:
        for problem in error.problems:
            print(f"WRONG   settings: {problem}")
        raise SystemExit(1) from None
    for warning in loaded.warnings:
        print(f"warning settings: {warning}")
    settings = loaded.settings
    results = [
        _told("settings", lambda: f"{len(settings.tasks)} fetch tasks; actions {_actions()}"),
        _told("database", lambda: _database(settings))
        and _told("connections", lambda: _connections(settings))
        and _told("access", lambda: _access(settings))
        and _told("key file", lambda: _keys(settings)),
        _told("Webex", lambda: _webex(settings)),
    ]
    if not all(results):
        raise SystemExit(1)


def _told(name: str, test: Callable[[], str | None]) -> bool:
    """Print what a test says, if anything, and return whether all is well."""
    try:
        if said := test():
            print(f"ok      {name}: {said}")
    except (Problem, DatabaseError) as problem:
        print(f"WRONG   {name}: {problem}")
        return False
    return True


class Problem(Exception):
    """Something that `check` found wrong, said in one sentence."""


def _actions() -> str:
    found = names()
    if not found:
        raise Problem(f"no actions are installed (entry-point group {GROUP})")
    return ", ".join(found)


def _database(settings: Settings) -> str:
    logins = _logins(settings, ("check", *LOGS_IN_AS))
    for kinds in logins.values():
        with contextlib.closing(open_database(settings, kinds[0])) as database:
            schema.check(database)
            if told := schema.foreign(database, settings.server.environment):
                raise Problem(told)
    return ", ".join(map(shown_url, logins))


def _logins(settings: Settings, kinds: Iterable[str]) -> dict[str, list[str]]:
    """Return each URL that one of the kinds of processes uses, with those kinds."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        found.setdefault(settings.database.url_for(kind).get_secret_value(), []).append(kind)
    return found


def _access(settings: Settings) -> str | None:
    """Say who may come from elsewhere, if anybody can."""
    try:
        told = objection(settings)
    except TlsError as error:
        raise Problem(str(error)) from error
    if told is not None:
        raise Problem(told)
    if is_loopback(settings.server.host):
        return None
    roles = ", ".join(role.name for role in settings.roles)
    return f"{settings.server.host} can be reached; roles: {roles or 'none, API keys alone'}"


def _keys(settings: Settings) -> str | None:
    """Compare the key file with that of the other hosts, once there is one."""
    with contextlib.closing(open_database(settings, "http")) as database:
        recorded = database.read(secret_keys.recorded)
    path = settings.paths.keys
    if recorded and (told := keys.objection(path, recorded)):
        raise Problem(told)
    return f"{path} is that of all hosts" if recorded else None


def _connections(settings: Settings) -> str | None:
    """Say how many connections a host needs, if there is a server that could allow too few."""
    with contextlib.closing(open_database(settings, "worker")) as database:
        allowed = database.read(lambda tx: tx.dialect.connections_allowed(tx.connection))
        # Only actions of our own are given the database.
        counts = connections.most(settings, BUILT_IN, listens=database.dialect.listens)
    if allowed is None:
        return None
    words, total = connections.formula(settings, counts), sum(counts.values())
    if settings.database.pooler:
        return f"{words} for each host at most; the pooler must allow so many clients"
    fewer = "have fewer [Server] HttpProcesses, [Server] Workers or [Fetch] MaximumThreads"
    if total > allowed:
        raise Problem(
            f"one host needs up to {words}, and the server allows {allowed}: raise max_connections "
            f"there, or {fewer}, or put a pooler between"
        )
    for url, kinds in _logins(settings, counts).items():
        mine = sum(counts[kind] for kind in kinds)
        with contextlib.closing(open_database(settings, kinds[0])) as database:
            limit = database.read(lambda tx: tx.dialect.connections_of_login(tx.connection))
        if limit is not None and mine > limit:
            raise Problem(
                f"one host needs up to {words}, of them {mine} as {shown_url(url)}, and the server "
                f"allows this user {limit}: raise the limit of the user, or {fewer}"
            )
    return f"{words} for each host at most; the server allows {allowed}, to all hosts together"


def _webex(settings: Settings) -> str:
    from connector.webex.client import WebexClient
    from connector.webex.errors import WebexError

    token = settings.webex.access_token
    if token is None:
        raise Problem(
            "no access token; set [Webex] AccessToken or AccessTokenFile, or WEBEX_ACCESS_TOKEN"
        )
    try:
        with WebexClient(
            settings.webex.base_url, token.get_secret_value(), timeout=10.0, max_retries=1
        ) as client:
            me = client.me()
    except WebexError as error:
        raise Problem(f"{settings.webex.base_url}: {error}") from error
    return f"{settings.webex.base_url} knows the token as {me.display_name}"
