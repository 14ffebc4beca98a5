"""Events of a real server: told whatever is killed, and in nobody's way."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from connector.jobs.outbox_tables import outbox
from connector.jobs.states import State
from tests.system.conftest import Server, eventually, postgresql, two_engines
from tests.worker.listener import Listener

EVENTS = ("ONSTART", "ONFINISH", "ONERROR")


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An HTTP server that notes what is posted to it."""
    with Listener() as made:
        yield made


def posted(listener: Listener) -> dict[str, str]:
    """Return settings that have all that happens to actions posted."""
    return {
        **{f"CONNECTOR_TEST_{event}": "ToHttp" for event in EVENTS},
        "CONNECTOR_TOHTTP_LIBRARYNAME": "HttpHandler",
        "CONNECTOR_TOHTTP_URL": listener.url,
        "CONNECTOR_TOHTTP_TIMEOUTSECONDS": "1",
        "CONNECTOR_TOHTTP_RETRYINTERVAL": "0.1",
    }


def written() -> dict[str, str]:
    """Return settings that have all events written to a file."""
    return {
        **{f"CONNECTOR_TEST_{event}": "ToFile" for event in (*EVENTS, "ONQUEUEEVENT")},
        "CONNECTOR_TOFILE_LIBRARYNAME": "TextFileHandler",
        "CONNECTOR_TOFILE_FILEPATH": "events.jsonl",
    }


def told(listener: Listener) -> list[tuple[str, str, str]]:
    """Return type, id and token of what was posted, in order."""
    found = []
    for _, headers, body in list(listener.requests):
        token = ET.fromstring(body).findtext("responsedata/actions/action/token", "")
        found.append((headers["event-type"], headers["event-id"], token))
    return found


def undelivered(server: Server) -> int:
    count = sa.select(sa.func.count()).select_from(outbox)
    count = count.where(outbox.c.delivered_at.is_(None))
    return int(server.database.read(lambda tx: tx.execute(count).scalar_one()))


@two_engines
def test_what_ended_is_told_after_a_kill_between_end_and_delivery(
    server: Server, listener: Listener
) -> None:
    listener.answering.clear()
    server.start(**posted(listener))
    token = server.submit("nothing")
    server.wait(token, State.FINISHED)
    eventually("the start is being delivered", lambda: listener.requests)
    server.kill()
    assert undelivered(server) == 2
    listener.answering.set()
    server.start(**posted(listener))
    eventually("all are delivered", lambda: undelivered(server) == 0, 60)
    events = told(listener)
    assert [event for event, _, _ in events][-2:] == ["OnStart", "OnFinish"]
    assert len(set(events)) == 2 < len(events), "what was told twice has the same id"
    assert {found for _, _, found in events} == {token}


@postgresql
def test_a_target_that_hangs_keeps_no_action_from_running(
    server: Server, listener: Listener
) -> None:
    listener.answering.clear()
    server.start(**posted(listener))
    for token in [server.submit("nothing") for _ in range(10)]:
        server.wait(token, State.FINISHED)
    assert undelivered(server) == 20
    listener.answering.set()
    eventually("all are delivered", lambda: undelivered(server) == 0, 60)


@two_engines
def test_cancelling_and_filling_a_queue_over_http_are_told(server: Server) -> None:
    server.start(
        "serve",
        **written(),
        CONNECTOR_TEST_MAXIMUMTHREADS="1",
        CONNECTOR_TEST_MAXQUEUESIZE="2",
    )
    running = server.ask("Test", Do="sleep").findtext("token", "")
    server.wait(running, State.RUNNING)
    waiting = [server.ask("Test", Do="nothing").findtext("token", "") for _ in range(2)]
    for token in waiting:
        server.ask("QueueInfo", QueueName="Test", QueueAction="Cancel", Token=token)
    path = server.folder / "data/events/events.jsonl"
    lines = eventually(
        "all is told",
        lambda: (
            found if path.exists() and len(found := path.read_text().splitlines()) == 8 else None
        ),
    )
    data = [json.loads(line)["autnresponse"]["responsedata"] for line in lines]
    queue = [each["queueEventType"] for each in data if "queueEventType" in each]
    # The first one had been waiting too, until it was claimed.
    assert queue == ["QueueEmpty", "QueueFilling", "QueueFull", "QueueEmptying", "QueueEmpty"]
    actions = [each["actions"]["action"][0] for each in data if "actions" in each]
    ends = {each["token"]: each["status"] for each in actions}
    assert ends == {running: "Processing", **dict.fromkeys(waiting, "Cancelled")}
    assert server.end() == 0
