"""The section [Database]: where actions, their states and what was fetched are kept."""

from typing import Annotated

from pydantic import Field, SecretStr

from connector.config.addresses import DatabaseURL, DirectURL, SchemaName
from connector.config.sections import SectionModel
from connector.config.values import Boolean, Seconds, Setting, Whole

LOGS_IN_AS = {
    "http": "http_url",
    "worker": "worker_url",
    "beats": "worker_url",
    "supervisor": "worker_url",
    "slot": "slot_url",
    "operator": "operator_url",
    "migrate": "owner_url",
    "doctor": "owner_url",
    "roles": "owner_url",
}
"""Kind of process or connection to the setting that says how it logs in; where that is not set, and
of any other kind, URL does."""

_FOR_CHILDREN = {"worker": ("slot_url",)}
"""What a process must know beside its own, since it starts others."""


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
            "The database: SQLite for one host, PostgreSQL for one or many. Passwords are never "
            "shown. An absolute SQLite path has four slashes.",
            key="URL",
            default="sqlite:///<DataDirectory>/connector.db",
            example="postgresql://connector@127.0.0.1:5432/connector",
        ),
    ]
    http_url: Annotated[DirectURL, _url("HTTP processes", "HttpURL", "http")] = None
    worker_url: Annotated[DirectURL, _url("supervisor and workers", "WorkerURL", "worker")] = None
    slot_url: Annotated[DirectURL, _url("slots, which run actions,", "SlotURL", "slot")] = None
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
            "workers to hear of new actions at once. Without it they look every second.",
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
        return found

    def for_process(self, kind: str) -> "DatabaseSettings":
        """Return what a process of this kind is given: its own URL, and no other's password."""
        kept = _FOR_CHILDREN.get(kind, ())
        others = dict.fromkeys(set(LOGS_IN_AS.values()) - set(kept))
        return self.model_copy(update={**others, "url": self.login(kind) or self.url})

    def conflicts(self) -> list[str]:
        """Return what is wrong with the URLs together: all lead to one database, on a server."""
        engine = _engine(self.url)
        return [
            f"[Database] {name.removesuffix('_url').title()}URL is for {_engine(other)}, and URL "
            f"for {engine}: expected URLs that lead to the same database, on a server"
            for name in dict.fromkeys(LOGS_IN_AS.values())
            if (other := getattr(self, name)) is not None
            if engine == "sqlite" or _engine(other) != engine
        ]


def _engine(url: SecretStr) -> str:
    return url.get_secret_value().partition(":")[0].partition("+")[0]
