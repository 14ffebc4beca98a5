"""Real processes that log in as the roles of PostgreSQL; so do all tests of this folder there."""

import pytest
import sqlalchemy as sa

from connector.jobs.states import State
from tests.roles import SCHEMA
from tests.system.conftest import Server, eventually


@pytest.fixture(params=["postgresql"])
def server(server: Server) -> Server:
    return server


def logins(server: Server) -> set[tuple[str, str]]:
    """Return kind and user of each connection of ours."""
    query = sa.text(
        "SELECT split_part(application_name, '/', 1), usename FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE '%/%'"
    )
    with server.database.engine.connect() as connection:
        return {(row[0], row[1]) for row in connection.execute(query)}


def test_each_kind_of_process_logs_in_as_its_own_role(server: Server) -> None:
    server.start("serve")
    token = server.ask("Test", Do="sleep").findtext("token", "")
    server.wait(token, State.RUNNING)
    kinds = {"http": "http", "worker": "worker", "beats": "worker", "listener": "worker"}
    wanted = {(kind, f"{SCHEMA}_{role}") for kind, role in kinds.items()}
    assert eventually("all are connected", lambda: wanted <= (found := logins(server)) and found)
    server.ask("QueueInfo", QueueAction="Stop", QueueName="Test", Token=token)
    server.wait(token, State.STOPPED)
    assert {user for _, user in logins(server)} <= {f"{SCHEMA}_{role}" for role in kinds.values()}
    assert server.end() == 0
