"""The section [Database]: where actions, their states and what was fetched are kept."""

from typing import Annotated

from pydantic import Field

from connector.config.addresses import DatabaseURL, DirectURL, SchemaName
from connector.config.sections import SectionModel
from connector.config.values import Boolean, Seconds, Setting, Whole


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
