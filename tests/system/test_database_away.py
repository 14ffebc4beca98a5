"""The database goes away under a running server and comes back: nothing is lost or run twice."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from connector.client import ClientError
from connector.jobs.states import State
from tests.conftest import fresh_url, migrate
from tests.proxy import Proxy
from tests.system.conftest import Server, eventually


@pytest.fixture
def wired(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Proxy]]:
    """A server that reaches PostgreSQL through a wire, and the wire."""
    url = sa.make_url(fresh_url("postgresql", request, tmp_path))
    server = Server(url.render_as_string(hide_password=False), tmp_path)
    migrate(server.database)
    with Proxy(url.port or 5432) as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        server.start("serve", CONNECTOR_DATABASE_URL=through)
        yield server, proxy
        proxy.open()
        assert server.end() == 0
    server.database.close()


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_an_action_under_way_outlives_a_database_that_is_away(
    wired: tuple[Server, Proxy], trouble: str
) -> None:
    server, proxy = wired
    token = server.submit("wait_for_file")
    first = eventually("it starts", lambda: server.traced("start", token))[0]
    getattr(proxy, trouble)()
    with pytest.raises(ClientError):
        server.ask("QueueInfo", QueueAction="GetStatus", QueueName="Test", Token=token)
    # Without its lease the worker must end what it runs, since others may take it over.
    eventually("the run is ended", lambda: not psutil.pid_exists(int(first[3])))
    proxy.open()
    eventually("it starts again", lambda: len(server.traced("start", token)) == 2)
    (server.trace.parent / "trace.go").touch()
    job = server.wait(token, State.FINISHED)
    assert job.failures == 0 and len(server.traced("end", token)) == 1
    assert server.status("Test", token).findtext("status") == "Finished"


def test_a_short_absence_costs_nothing(wired: tuple[Server, Proxy]) -> None:
    server, proxy = wired
    token = server.submit("wait_for_file")
    eventually("it starts", lambda: server.traced("start", token))
    proxy.cut()
    (server.trace.parent / "trace.go").touch()
    eventually("it ends", lambda: server.traced("end", token))
    proxy.open()
    job = server.wait(token, State.FINISHED)
    assert (job.attempt, job.failures, job.losses) == (1, 0, 0)
