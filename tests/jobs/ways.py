"""The verbs of operators in two ways: through Python, and through SQL as docs/dba.md tells it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.db.engine import Database
from connector.jobs import operate, requests
from connector.jobs.errors import JobError

DOCS = Path(__file__).parents[2] / "docs" / "dba.md"
NOW = {"mariadb": "UTC_TIMESTAMP(6)", "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}

PREREQUISITE, NO_DATA, PARAMETER = "55000", "P0002", "22023"


class Refused(Exception):
    """The verb does not apply."""


class Way(Protocol):
    """`actor`: a part of what is recorded of who did it."""

    actor: str

    def __call__(self, verb: str, **given: object) -> None:
        """Do it; raises Refused, where this way refuses rather than changes nothing."""


class Python:
    """The functions that command line and HTTP call."""

    actor = "cli me"
    verbs: Mapping[str, Callable[..., object]] = {
        "cancel_job": requests.cancel,
        "stop_job": requests.stop,
        "stop_queue": requests.stop_all,
        "pause_job": requests.pause,
        "resume_job": requests.resume,
        "retry_job": requests.reopen,
        "prioritise_job": requests.reprioritise,
        "pause_queue": operate.pause_queue,
        "resume_queue": operate.resume_queue,
        "limit_queue": operate.limit_queue,
        "drain_host": operate.drain,
    }

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, verb: str, **given: object) -> None:
        if verb == "undrain_host":
            self._database.run(operate.undrain, **given)  # type: ignore[arg-type]
            return
        try:
            self._database.run(self.verbs[verb], by="cli me", reason="why not", **given)
        except (JobError, ValueError) as error:
            raise Refused(str(error)) from error


class Functions:
    """The functions of PostgreSQL."""

    actor = "sql postgres"

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._schema = database.schema

    def __call__(self, verb: str, **given: object) -> None:
        if verb != "undrain_host":
            given["reason"] = "why not"
        if "token" in given:
            given["token"] = sa.cast(given["token"], sa.UUID(as_uuid=False))
        if "most" in given:
            given["most"] = sa.cast(given["most"], sa.Integer)
        call: Any = getattr(getattr(sa.func, str(self._schema)), verb)(*given.values())
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.select(sa.literal_column("1")).select_from(call)).all()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in (PREREQUISITE, NO_DATA, PARAMETER):
                raise
            raise Refused(str(error.orig).partition("\n")[0]) from error


class Statements:
    """The statements that docs/dba.md calls safe, on engines without functions."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self.actor = "by hand" if self._engine.dialect.name == "sqlite" else "root@"
        (block,) = re.findall(r"```sql\n(-- cancel_job.*?)```", DOCS.read_text(), re.S)
        parts = re.split(r"^-- (\w+)\n", block, flags=re.M)
        self.texts = dict(zip(parts[1::2], parts[2::2], strict=True))

    def __call__(self, verb: str, **given: object) -> None:
        text = re.sub(r"\bNOW\b", NOW[self._engine.dialect.name], self.texts[verb])
        text = text.replace("%H:%M:%f", r"%H\:%M\:%f")
        wanted = {"actor": self.actor, "reason": "why not", **given}
        statement = sa.text(text)
        names = statement.compile().params.keys()
        with self._engine.begin() as connection:
            connection.execute(statement, {name: wanted[name] for name in names})
