"""News reach whoever waits for them, whatever queue they name."""

import selectors
from collections.abc import Collection

import pytest
import sqlalchemy as sa

from connector.db.dialects.base import Wake
from connector.db.engine import Database
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.news import News, told_of, understood
from connector.jobs.tables import jobs
from connector.jobs.token import new_token

SECONDS = 10.0


def heard(wake: Wake) -> Collection[str]:
    """Wait for news on the wake's descriptor, and return them."""
    descriptor = wake.fileno()
    assert descriptor is not None
    with selectors.PollSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return wake.news() if selector.select(SECONDS) else ()


def hears(wake: Wake) -> bool:
    """Say whether there are news within the time."""
    return bool(heard(wake))


@pytest.mark.parametrize("empty_url", ["postgresql", "sqlite"], indirect=True)
@pytest.mark.parametrize("queue", ["Test", ""])
def test_a_notification_ends_the_wait(database: Database, queue: str) -> None:
    wake = database.dialect.wake(database.engine)
    try:
        assert not wake.news()
        for _ in range(3):
            database.notify({queue})
            assert hears(wake)
            assert not wake.news()
    finally:
        wake.close()


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_options_of_the_url_are_no_hindrance(empty_url: str, database: Database) -> None:
    url = f"{empty_url}?connect_timeout=9&application_name=theirs&keepalives_idle=9"
    other = Database(url, application="worker/here/1")
    wake = other.dialect.wake(other.engine)
    try:
        database.notify({"Test"})
        assert hears(wake)
    finally:
        wake.close()
        other.close()


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("count", [1, 250])
def test_the_commit_itself_tells_of_what_it_stores(database: Database, count: int) -> None:
    wake = database.dialect.wake(database.engine)
    try:
        for run in (database.run_alone, database.run):
            new = [NewJob(new_token(), "Test", {}) for _ in range(count)]
            run(submit.submit, new, tell=True)
            (told,) = heard(wake)
            assert understood(told) == ("Test", rank_of(database, new[0].token))
            assert not wake.news(), "many that are alike are one"
        repeated = [*new, NewJob(new_token(), "Test", {})]
        database.run_alone(submit.submit, repeated, tell=True)
        assert hears(wake), "of one beside those that were there"
        database.run_alone(submit.submit, [NewJob(new_token(), "Test", {})])
        database.notify({"Other"})
        assert hears(wake)
    finally:
        wake.close()


def rank_of(database: Database, token: str) -> int:
    rank = sa.select(jobs.c.rank).where(jobs.c.token == token)
    found: int = database.read(lambda tx: tx.execute(rank).scalar_one())
    return found


@pytest.mark.parametrize(
    "news",
    ["Test", "", "Test ", "Test 1 2", "Test 1e3", "Test " + 19 * "9", " 1", "Test １"],
)
def test_what_tells_no_rank_is_a_queue_by_that_name(news: str) -> None:
    assert understood(news) == (news, None)


@pytest.mark.parametrize("rank", [0, 1796106932016717, -5])
def test_a_rank_that_is_told_is_understood(rank: int) -> None:
    assert understood(told_of("Test", rank)) == ("Test", rank)


def told(news: News, priority: int = 0) -> bool:
    by_commit = news.by_commit([NewJob(new_token(), "Test", {}, priority=priority)])
    news.stored({"Test"}, by_commit)
    return by_commit


def test_what_no_commit_tells_is_told_afterwards(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[set[str]] = []
    monkeypatch.setattr(database, "notify", sent.append)
    news = News(database)
    listens = database.dialect.listens
    assert told(news) == listens
    news.tell()
    assert sent == ([] if listens else [{"Test"}])
    monkeypatch.setattr("connector.jobs.news.APART", 60.0)
    news = News(database)
    assert told(news) == listens
    assert not told(news), "not again at once"
    assert told(news, priority=1) == listens, "it may stand before others"
    assert not told(news)
    sent.clear()
    news.tell()
    news.tell()
    assert sent == [{"Test"}]
