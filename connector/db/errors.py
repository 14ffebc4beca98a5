"""Errors of the database layer.

DatabaseError
├── Unavailable      no connection, a lost one, or a lock that stays taken: try again later
│   ├── Locked       what is wanted is locked by somebody else
│   └── InDoubt      the connection was lost while a commit was under way
├── TooLarge         a statement is larger than the server takes
├── Migrating        another migration of the database is under way
├── SchemaMissing    the database holds no schema of ours
├── SchemaMismatch   the schema and this program do not go together
│   └── SchemaOld    the schema is older than this program: migrate it
└── BadURL           the URL names no database that this program can use
"""


class DatabaseError(Exception):
    """Base of what the database layer raises; its text can be shown to an operator."""


class Unavailable(DatabaseError):
    """The database cannot be used at the moment; the same call may succeed later."""


class Locked(Unavailable):
    """Somebody else holds a lock on what is wanted, and did not let go of it in time."""


class InDoubt(Unavailable):
    """The connection was lost during a commit: the change may or may not be stored."""


class TooLarge(DatabaseError):
    """A statement is larger than the server takes: another try would not help."""


class Migrating(DatabaseError):
    """Another `webex-connector migrate` is changing the schema at this moment."""

    def __init__(self) -> None:
        super().__init__("another migration of this database is under way; wait until it has ended")


class SchemaMissing(DatabaseError):
    """The database holds no schema of ours; `webex-connector migrate` makes it."""


class SchemaMismatch(DatabaseError):
    """The schema is of another version, or another program's, and must not be touched."""


class SchemaOld(SchemaMismatch):
    """The schema is of an earlier version; `webex-connector migrate` brings it up to date."""


class BadURL(DatabaseError):
    """The database URL is malformed or names an engine that is not supported."""
