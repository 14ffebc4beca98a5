"""`check` with real parts that are right, wrong and away: a line for each, exit status 0 or 1."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.actions.registry import BUILT_IN
from connector.db.engine import Database
from connector.sandbox.process import SandboxProcess
from tests.commands import Program, checkout, migrated

pytestmark = pytest.mark.xdist_group("commands")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A small stand-in for Webex."""
    with SandboxProcess(rooms=1, messages=5) as running:
        yield running


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with a migrated database."""
    return migrated(tmp_path_factory.mktemp("check"))


def checked(program: Program, status: int, **settings: str) -> list[str]:
    """Run `check`, which must end with a status, and return its lines."""
    done = program.run("check", **settings)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout.splitlines()


def test_with_everything_right_all_lines_say_ok(program: Program, sandbox: SandboxProcess) -> None:
    settings, database, webex = checked(
        program,
        0,
        FETCHTASKS_0="DEMO",
        WEBEX_BASEURL=sandbox.base_url,
        WEBEX_ACCESSTOKEN=sandbox.token,
    )
    assert settings == f"ok      settings: 1 fetch tasks; actions {', '.join(BUILT_IN)}"
    assert database == f"ok      database: sqlite:///{program.folder}/data/connector.db"
    assert webex.startswith(f"ok      Webex: {sandbox.base_url} knows the token as ")


def test_a_wrong_token_is_said_and_not_shown(program: Program, sandbox: SandboxProcess) -> None:
    settings, database, webex = checked(
        program, 1, WEBEX_BASEURL=sandbox.base_url, WEBEX_ACCESSTOKEN="hush-hush"
    )
    assert settings.startswith("ok ")
    assert database.startswith("ok ")
    assert webex.startswith("WRONG   Webex: ")
    assert "token" in webex
    assert "hush-hush" not in webex


def test_webex_out_of_reach_is_said(program: Program) -> None:
    away = "http://127.0.0.1:1/v1"
    webex = checked(program, 1, WEBEX_BASEURL=away, WEBEX_ACCESSTOKEN="hush-hush")[-1]
    assert webex.startswith("WRONG   Webex: ")
    assert "127.0.0.1:1" in webex


def test_what_is_missing_or_unknown_is_said_with_what_to_do_about_it(tmp_path: Path) -> None:
    unknown, settings, database, webex = checked(checkout(tmp_path), 1, SERVER_PROT="7023")
    assert unknown.startswith("warning settings: ")
    assert "CONNECTOR_SERVER_PROT" in unknown
    assert settings.startswith("ok ")
    assert database.startswith("WRONG   database: ")
    assert database.endswith("make it with: webex-connector migrate")
    assert webex.startswith("WRONG   Webex: no access token; set [Webex] AccessToken")
    assert list(tmp_path.iterdir()) == [], "check leaves nothing behind"


def test_every_wrong_setting_has_its_line(program: Program) -> None:
    lines = checked(program, 1, SERVER_PORT="seventy", WORKER_LEASESECONDS="soon")
    assert len(lines) == 2
    assert all(line.startswith("WRONG   settings: ") for line in lines)
    assert "[Server] Port" in lines[0]
    assert "[Worker] LeaseSeconds" in lines[1]


@pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)
def test_the_connections_that_a_host_needs_are_compared_with_what_the_server_allows(
    empty_url: str, database: Database, tmp_path: Path
) -> None:
    program = checkout(tmp_path)
    line = checked(program, 1, DATABASE_URL=empty_url)[2]
    listens = database.dialect.listens
    assert line.startswith("ok      connections: 1 http x 5 + supervisor 1 + 1 workers x (")
    assert f" = {19 if listens else 18} for each host at most; the server allows " in line
    line = checked(program, 1, DATABASE_URL=empty_url, FETCH_MAXIMUMTHREADS="250")[2]
    assert line.startswith("WRONG   connections: one host needs up to 1 http x 5 + supervisor 1")
    assert "raise max_connections there" in line


LIMITED = {
    "postgresql": (
        "CREATE ROLE {user} LOGIN PASSWORD 'geheim' CONNECTION LIMIT 4",
        "GRANT USAGE ON SCHEMA webex_connector TO {user}",
        "GRANT SELECT ON webex_connector.schema_info TO {user}",
    ),
    "mariadb": (
        "CREATE USER {user} IDENTIFIED BY 'geheim' WITH MAX_USER_CONNECTIONS 4",
        "GRANT SELECT ON schema_info TO {user}",
    ),
}
"""Statements that make a user who may have four connections, and may look at the version."""


@pytest.mark.parametrize("empty_url", LIMITED, indirect=True)
def test_the_limit_of_a_user_is_compared_with_the_connections_that_log_in_as_it(
    empty_url: str, database: Database, tmp_path: Path
) -> None:
    user = f"few_{uuid.uuid4().hex[:12]}"
    with database.engine.begin() as connection:
        for statement in LIMITED[database.dialect.name]:
            connection.exec_driver_sql(statement.format(user=user))
    own = sa.make_url(empty_url).set(username=user, password="geheim")
    urls = {"DATABASE_URL": empty_url, "DATABASE_SLOTURL": own.render_as_string(False)}
    line = checked(checkout(tmp_path), 1, **urls)[2]
    assert line.startswith("WRONG   connections: one host needs up to 1 http x 5 + supervisor 1")
    assert f", of them 8 as {own.render_as_string()}, and the server allows this user 4: " in line
    line = checked(checkout(tmp_path), 1, **urls, ACTIONS_MAXIMUMTHREADS="1")[2]
    assert line.startswith("ok      connections: ")


def test_a_database_given_on_the_command_line_is_the_one_for_every_kind_of_process(
    program: Program,
) -> None:
    url = f"sqlite:///{program.folder}/data/connector.db"
    away = dict.fromkeys(
        ("DATABASE_URL", "DATABASE_WORKERURL", "DATABASE_OWNERURL", "DATABASE_DIRECTURL"),
        "postgresql://somebody@127.0.0.1:1/away",
    )
    done = program.run("check", "--database", url, **away)
    assert f"ok      database: {url}" in done.stdout.splitlines()
