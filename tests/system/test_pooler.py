"""Behind PgBouncer in transaction mode nothing depends on a session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.jobs.states import State
from tests import pgbouncer
from tests.conftest import fresh_url, migrate
from tests.system.conftest import Server, eventually


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URL of a fresh database through PgBouncer, and the direct one."""
    if pgbouncer.program() is None:
        if os.environ.get("CI"):
            pytest.fail("PgBouncer is not installed: apt-get install pgbouncer")
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    direct = fresh_url("postgresql", request, tmp_path)
    with pgbouncer.before(sa.make_url(direct)) as through:
        yield through.render_as_string(hide_password=False), direct


@pytest.mark.parametrize("listens", [False, True])
def test_actions_run_and_stop_through_a_pooler(
    urls: tuple[str, str], tmp_path: Path, listens: bool
) -> None:
    through, direct = urls
    server = Server(direct, tmp_path)
    migrate(server.database)
    more = {"CONNECTOR_DATABASE_DIRECTURL": direct} if listens else {}
    server.url = through
    server.start("serve", CONNECTOR_DATABASE_POOLER="true", **more)
    try:
        token = server.ask("Test", Do="checkpoint").findtext("token", "")
        assert server.wait(token, State.FINISHED).result == {"done": 1}
        stopped = server.ask("Test", Do="loop").findtext("token", "")
        eventually("it runs", lambda: server.job(stopped).state is State.RUNNING)
        server.ask("QueueInfo", QueueName="Test", QueueAction="Stop", Token=stopped)
        server.wait(stopped, State.STOPPED)
        named = eventually("connections are named", lambda: names(server))
        assert any(name.startswith("worker/") for name in named)
        assert any(name.startswith("listener/") for name in named) is listens
    finally:
        assert server.end() == 0
        server.database.close()


def names(server: Server) -> set[str]:
    text = sa.text(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
    )
    return {str(n) for n in server.database.read(lambda tx: tx.execute(text).scalars().all())}
