"""`check`: are the settings right, and can the database and Webex be reached?"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from connector.actions.registry import GROUP, names
from connector.cli.connections import formula
from connector.cli.wiring import loaded_from
from connector.config import ConfigError, Settings
from connector.config.addresses import shown_url
from connector.config.database import LOGS_IN_AS
from connector.db import schema
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
        _told("database", lambda: _database(settings)) and _connections_fit(settings),
        _told("Webex", lambda: _webex(settings)),
    ]
    if not all(results):
        raise SystemExit(1)


def _told(name: str, test: Callable[[], str]) -> bool:
    try:
        print(f"ok      {name}: {test()}")
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
    shown = []
    for kind in ("check", *LOGS_IN_AS):
        login = settings.database.login(kind)
        if login is None and kind != "check":
            continue
        with contextlib.closing(open_database(settings, kind)) as database:
            schema.check(database)
        shown.append(shown_url((login or settings.database.url).get_secret_value()))
    return ", ".join(dict.fromkeys(shown))


def _connections_fit(settings: Settings) -> bool:
    """Say how many connections a host needs, if the database has a server that allows so many."""
    with contextlib.closing(open_database(settings, "check")) as database:
        allowed = database.read(lambda tx: tx.dialect.connections_allowed(tx.connection))
        words, most = formula(settings, names(), listens=database.dialect.listens)
    if allowed is None:
        return True
    return _told("connections", lambda: _fit(words, most, allowed, settings.database.pooler))


def _fit(words: str, most: int, allowed: int, pooler: bool) -> str:
    if pooler:
        return f"{words} for each host at most; the pooler must allow so many clients"
    if most > allowed:
        raise Problem(
            f"one host needs up to {words}, and the server allows {allowed}: raise max_connections "
            "there, or have fewer [Server] Workers or MaximumThreads, or put a pooler between"
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
