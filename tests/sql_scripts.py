"""Runs a script of SQL as a DBA does: through the engine's own client, or what comes nearest."""

import sqlite3
import subprocess

import sqlalchemy as sa

from tests import postgresql_server


def run(url: str, script: str) -> None:
    """Run a script on the database at `url`; raises what the engine or its client says."""
    {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}[
        sa.make_url(url).get_backend_name()
    ](sa.make_url(url), script)


def _sqlite(url: sa.URL, script: str) -> None:
    assert url.database
    connection = sqlite3.connect(url.database)
    connection.executescript(script)
    connection.close()


def _postgresql(url: sa.URL, script: str) -> None:
    psql = postgresql_server.programs() / "psql"
    options = ["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--quiet"]
    _client([str(psql), *options, url.render_as_string()], script)


def _mariadb(url: sa.URL, script: str) -> None:
    at = ["--host", str(url.host), "--port", str(url.port), "--user", str(url.username)]
    _client(["mariadb", "--no-defaults", "--protocol=TCP", *at, str(url.database)], script)


def _client(command: list[str], script: str) -> None:
    done = subprocess.run(command, input=script, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
