"""The section [Database]: where actions, their states and what was fetched are kept."""

from typing import Annotated

from pydantic import Field, SecretStr

from connector.config.addresses import DatabaseURL, DirectURL, SchemaName, as_user_of
from connector.config.sections import SectionModel
from connector.config.values import Boolean, Seconds, Setting, Whole

LOGS_IN_AS = {
    "http": "http_url",
    "worker": "worker_url",
    "beats": "worker_url",
    "events": "worker_url",
    "listener": "worker_url",
    "supervisor": "worker_url",
    "slot": "slot_url",
    "backup": "backup_url",
    "operator": "operator_url",
    "migrate": "owner_url",
    "doctor": "owner_url",
    "roles": "owner_url",
}
"""Kind of process or connection to the setting that says how it logs in; where that is not set, and
of any other kind, URL does."""

_ALSO = {"backup": "slot"}
"""Kind of connection to the kind as which it logs in where it has no URL of its own."""

_CHILDREN = {"worker": ("slot", "backup"), "slot": ("backup",)}
"""Kind of process to the kinds that it starts, or is at times, whose URLs it must know."""

_DIRECT = ("worker",)
"""Kinds of child processes that go around a pooler: to hear of new actions."""


def _url(who: str, key: str, example: str) -> Setting:
    return Setting(
        f"How {who} log in, if not as URL says: a role of its own, with the rights it needs.",
        key=key,
        example=f"postgresql://webex_connector_{example}@127.0.0.1:5432/connector",
    )


class DatabaseSettings(SectionModel, frozen=True):
    """Where actions, their states and what was fetched are kept."""

    url: Annotated[
        DatabaseURL,
        Setting(
            "The database: SQLite for one host, PostgreSQL or MariaDB for one or many. "
            "Passwords are never shown. An absolute SQLite path has four slashes.",
            key="URL",
            default="sqlite:///<DataDirectory>/connector.db",
            example="postgresql://connector@127.0.0.1:5432/connector",
        ),
    ]
    http_url: Annotated[DirectURL, _url("HTTP processes", "HttpURL", "http")] = None
    worker_url: Annotated[DirectURL, _url("supervisor and workers", "WorkerURL", "worker")] = None
    slot_url: Annotated[DirectURL, _url("slots, which run actions,", "SlotURL", "slot")] = None
    backup_url: Annotated[
        DirectURL,
        _url(
            "slots while they run `BackupServer` and `RestoreServer`, which want every table,",
            "BackupURL",
            "owner",
        ),
    ] = None
    operator_url: Annotated[
        DirectURL, _url("the commands of operators", "OperatorURL", "operator")
    ] = None
    owner_url: Annotated[DirectURL, _url("`migrate` and `doctor`", "OwnerURL", "owner")] = None
    schema_name: Annotated[
        SchemaName,
        Setting("PostgreSQL schema that holds all tables. SQLite has none.", key="Schema"),
    ] = "webex_connector"
    pooler: Annotated[
        Boolean,
        Setting(
            "Whether the URL leads to a pooler such as PgBouncer, in transaction mode. Then "
            "nothing depends on a session: no prepared statements, time-outs in each transaction."
        ),
    ] = False
    direct_url: Annotated[
        DirectURL,
        Setting(
            "The PostgreSQL server itself, beside a pooler: for `webex-connector migrate`, and for "
            "workers to hear of new actions at once. Without it they look every second. Where "
            "OwnerURL or WorkerURL is set, user and password are taken from there.",
            key="DirectURL",
            example="postgresql://connector@127.0.0.1:5432/connector",
        ),
    ] = None
    lock_timeout_ms: Annotated[
        Whole,
        Field(ge=1, le=500),
        Setting(
            "Longest that one statement waits for rows or tables that others have locked, so "
            "that a lock held elsewhere never keeps a worker from its beat.",
            "milliseconds",
            key="LockTimeoutMS",
        ),
    ] = 500
    connect_timeout_seconds: Annotated[
        Seconds,
        Field(gt=0, le=60),
        Setting("Longest wait for a new connection to the database.", "seconds"),
    ] = 5.0

    def login(self, kind: str) -> SecretStr | None:
        """Return the URL that this kind of process has of its own, or None."""
        found: SecretStr | None = getattr(self, LOGS_IN_AS.get(kind, ""), None)
        return self.login(_ALSO[kind]) if found is None and kind in _ALSO else found

    def url_for(self, kind: str) -> SecretStr:
        """Return the URL with which this kind of process logs in."""
        return self.login(kind) or self.url

    def direct_url_for(self, kind: str) -> SecretStr | None:
        """Return the URL around a pooler: DirectURL says where, the kind's own URL who."""
        own = self.login(kind)
        return as_user_of(self.direct_url, own) if self.direct_url and own else self.direct_url

    def for_process(self, kind: str) -> "DatabaseSettings":
        """Return what a process of this kind is given: its own URL, and no other's password."""
        url = self.url_for(kind)
        others: dict[str, SecretStr | None] = dict.fromkeys(LOGS_IN_AS.values())
        for child in _CHILDREN.get(kind, ()):
            if (theirs := self.url_for(child)) != url:
                others[LOGS_IN_AS[child]] = theirs
        direct = self.direct_url_for(kind) if kind in _DIRECT else None
        return self.model_copy(update={**others, "url": url, "direct_url": direct})

    def conflicts(self) -> list[str]:
        """Return what is wrong with the URLs together: all lead to one database, on a server."""
        engine = _engine(self.url)
        return [
            f"[Database] {name.removesuffix('_url').title()}URL is for {_engine(other)}, and URL "
            f"for {engine}: expected URLs that lead to the same database, on a server"
            for name in (*dict.fromkeys(LOGS_IN_AS.values()), "direct_url")
            if (other := getattr(self, name)) is not None
            if engine == "sqlite" or _engine(other) != engine
        ]


def one_for_all(url: str) -> dict[str, str]:
    """Return flags for `load` that have every process use one URL, whatever else is configured."""
    urls = ("HttpURL", "WorkerURL", "SlotURL", "BackupURL", "OperatorURL", "OwnerURL", "DirectURL")
    empty = {f"Database.{key}{file}": "" for key in urls for file in ("", "File")}
    return {**empty, "Database.URL": url}


def _engine(url: SecretStr) -> str:
    return url.get_secret_value().partition(":")[0].partition("+")[0]
