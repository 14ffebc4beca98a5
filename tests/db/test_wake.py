"""News reach whoever waits for them, whatever queue they name."""

import selectors

import pytest

from connector.db.dialects.base import Wake
from connector.db.engine import Database

SECONDS = 10.0


def hears(wake: Wake) -> bool:
    """Wait for news on the wake's descriptor, and say whether there were any."""
    descriptor = wake.fileno()
    assert descriptor is not None
    with selectors.PollSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(SECONDS)) and bool(wake.news())


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
