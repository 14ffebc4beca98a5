"""Events on their way: each taken by one, in order for each job, until it is over."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.db.engine import Database
from connector.jobs import deliveries
from connector.jobs.deliveries import Pending
from connector.jobs.outbox import Event, store
from connector.jobs.outbox_tables import outbox
from connector.jobs.token import new_token

HOUR = 3600.0


class Box:
    """Events of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, token: str | None, event: Event = Event.START, handler: str = "A") -> None:
        self.database.run(store, handler, "Test", token, event, {})

    def take(self, handler: str = "A", most: int = 10, seconds: float = HOUR) -> list[Pending]:
        return self.database.run(deliveries.take, handler, most, seconds)

    def waiting(self) -> dict[str, float]:
        return self.database.read(deliveries.waiting, ["A", "B"])

    def done(self, *events: Pending) -> None:
        self.database.run(deliveries.delivered, events)

    def fail(self, event: Pending, pause: float = 0.0, give_up: float | None = HOUR) -> bool:
        return self.database.run(deliveries.failed, event, "away", pause, give_up)

    def rows(self) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.engine.connect() as connection:
            return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))

    def change(self, **values: object) -> None:
        with self.database.engine.begin() as connection:
            connection.execute(sa.update(outbox).values(values))


@pytest.fixture
def box(database: Database) -> Box:
    return Box(database)


def test_what_one_has_taken_nobody_else_gets_until_its_time_is_over(box: Box) -> None:
    box.put(new_token())
    assert box.waiting() == {"A": 0.0}
    (event,) = box.take()
    assert box.take() == [] and box.waiting()["A"] > HOUR - 60
    assert (event.event, event.attempts, event.payload) == ("OnStart", 0, {})
    box.change(next_at=datetime.now(UTC) - timedelta(seconds=1))
    assert [each.event_id for each in box.take()] == [event.event_id]


def test_events_of_a_job_are_given_one_after_the_other_and_those_of_others_beside(
    box: Box,
) -> None:
    one, other = new_token(), new_token()
    for token, event in [(one, Event.START), (other, Event.START), (one, Event.FINISH)]:
        box.put(token, event)
    first = box.take()
    assert [each.token for each in first] == [one, other]
    box.fail(first[0], pause=HOUR, give_up=2 * HOUR)
    assert box.take() == [], "the later one waits for the one that is tried again"
    box.change(next_at=datetime.now(UTC) - timedelta(seconds=1))
    again = next(each for each in box.take() if each.token == one)
    assert again.attempts == 1
    box.done(again)
    assert [each.event for each in box.take()] == ["OnFinish"]


def test_events_of_a_queue_are_given_in_order_too(box: Box) -> None:
    box.put(None, Event.QUEUE)
    box.put(None, Event.QUEUE)
    box.put(new_token())
    first = box.take()
    assert [each.token is None for each in first] == [True, False]
    box.done(*first)
    assert [each.token for each in box.take()] == [None]


def test_handlers_do_not_wait_for_one_another(box: Box) -> None:
    token = new_token()
    box.put(token, Event.START, "A")
    box.put(token, Event.FINISH, "B")
    assert box.take("A") and box.take("B")


def test_what_is_given_up_holds_nothing_up_and_is_marked(box: Box) -> None:
    token = new_token()
    box.put(token, Event.START)
    box.put(token, Event.FINISH)
    (event,) = box.take()
    assert not box.fail(event, pause=1.0, give_up=HOUR)
    (row, _) = box.rows()
    assert (row.attempts, row.error, row.given_up_at) == (1, "away", None)
    box.change(next_at=datetime.now(UTC) - timedelta(seconds=1))
    (event,) = box.take()
    assert box.fail(event, pause=2 * HOUR), "it would be too old by then"
    assert [each.event for each in box.take()] == ["OnFinish"]
    (row, _) = box.rows()
    assert (row.attempts, row.next_at) == (2, None) and row.given_up_at is not None


def test_what_is_given_back_is_there_for_the_next_at_once(box: Box) -> None:
    box.put(new_token())
    box.database.run(deliveries.put_back, box.take())
    assert [each.attempts for each in box.take()] == [0]


def test_what_another_has_taken_meanwhile_is_left_to_him_unless_it_was_delivered(
    box: Box,
) -> None:
    box.put(new_token())
    (mine,) = box.take()
    box.change(next_at=datetime.now(UTC) - timedelta(seconds=1))
    (theirs,) = box.take()
    assert not box.fail(mine, give_up=None)
    box.database.run(deliveries.put_back, [mine])
    assert [row.attempts for row in box.rows()] == [0] and box.take() == []
    box.done(mine)
    assert not box.fail(theirs, give_up=None)
    (row,) = box.rows()
    assert row.delivered_at is not None and row.given_up_at is None


def test_old_events_of_a_target_that_is_away_and_of_unknown_handlers_are_given_up(
    box: Box,
) -> None:
    for handler in ("A", "B", "gone"):
        box.put(new_token(), handler=handler)
    assert box.database.run(deliveries.expire, "A", "away", HOUR) == 0
    box.change(at=datetime.now(UTC) - timedelta(hours=2))
    box.put(new_token(), handler="gone")
    assert box.database.run(deliveries.expire, "A", "away", HOUR) == 1
    assert box.database.run(deliveries.expire_others, ["A", "B"], "unknown", HOUR) == 1
    given_up = [(row.handler, row.error) for row in box.rows() if row.given_up_at]
    assert given_up == [("A", "away"), ("gone", "unknown")]


def test_what_is_over_goes_after_its_time_and_what_waits_does_not(box: Box) -> None:
    for _ in range(3):
        box.put(new_token())
    box.done(*box.take(most=2))
    assert box.database.run(deliveries.prune, 1.0, 100) == 0
    box.change(at=datetime.now(UTC) - timedelta(days=2))
    assert box.database.run(deliveries.prune, 1.0, 1) == 1
    assert box.database.run(deliveries.prune, 1.0, 100) == 1
    assert [row.delivered_at for row in box.rows()] == [None]


def test_several_who_deliver_at_once_deliver_each_once_and_in_order(
    box: Box, empty_url: str
) -> None:
    order = [Event.START, Event.ERROR_REPORT, Event.FINISH]
    tokens = [new_token() for _ in range(10)]
    for event in order:
        for token in tokens:
            box.put(token, event)
    seen: list[tuple[str | None, str]] = []
    guard = threading.Lock()

    def deliver() -> None:
        mine = Database(empty_url, application="test", patience=20.0)
        while mine.read(deliveries.waiting, ["A"]):
            events = mine.run(deliveries.take, "A", 4, HOUR)
            with guard:
                seen.extend((event.token, event.event) for event in events)
            mine.run(deliveries.delivered, events)
        mine.close()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for token in tokens:
        assert [event for found, event in seen if found == token] == order
