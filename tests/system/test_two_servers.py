"""One queue that two servers share: each request runs once, and either tells its results."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.system.conftest import Server, eventually, postgresql

EACH = 12
"""Requests sent to each of the two."""


@pytest.fixture
def other(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second host on the database of the first, with a folder of its own."""
    made = Server(server.url, tmp_path_factory.mktemp("other"))
    made.logins = server.logins
    yield made
    made.kill()
    made.database.close()


def sent(to: Server, trace: Path) -> str:
    """Send an action by HTTP, and return its token."""
    return to.ask("Test", Do="nothing", Trace=str(trace)).findtext("token", "")


def listed(server: Server) -> dict[str, str]:
    """Return the status of every action of the queue by its token."""
    data = server.ask("QueueInfo", QueueName="Test", QueueAction="GetStatus")
    return {
        each.findtext("token", ""): each.findtext("status", "")
        for each in data.findall("actions/action")
    }


def parts(action: ET.Element) -> list[tuple[str, str | None]]:
    return [(child.tag, child.text) for child in action]


@postgresql
def test_each_request_runs_once_and_its_results_are_read_from_either_server(
    server: Server, other: Server
) -> None:
    server.start("serve")
    other.start("serve")
    assert server.address != other.address
    tokens = {}
    for _ in range(EACH):
        for to, elsewhere in ((server, other), (other, server)):
            tokens[sent(to, server.trace)] = (to, elsewhere)
    assert len(tokens) == 2 * EACH and "" not in tokens
    for token, (to, elsewhere) in tokens.items():
        ended = elsewhere.ended("Test", token)
        assert ended.findtext("status") == "Finished" and ended.findtext("did") == "nothing"
        assert parts(ended) == parts(to.status("Test", token))
    assert listed(server) == listed(other) == dict.fromkeys(tokens, "Finished")
    assert Counter(line[1] for line in server.traced("start")) == dict.fromkeys(tokens, 1)
    assert Counter(line[1] for line in server.traced("end")) == dict.fromkeys(tokens, 1)
    assert {server.job(token).attempt for token in tokens} == {1}


@postgresql
def test_what_one_server_began_the_other_ends_and_tells(server: Server, other: Server) -> None:
    server.start("serve")
    token = server.ask("Test", Do="wait_for_file", Trace=str(server.trace)).findtext("token", "")
    eventually("it runs", lambda: server.traced("start", token))
    other.start("serve")
    assert other.status("Test", token).findtext("status") == "Processing"
    assert server.end() == 0
    Path(f"{server.trace}.go").touch()
    ended = other.ended("Test", token)
    assert ended.findtext("status") == "Finished" and ended.findtext("token") == token
    assert len(server.traced("end", token)) == 1
