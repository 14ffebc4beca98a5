"""Fixtures of the ACI tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from connector.aci.request import Limits, Request, parse
from connector.db.engine import Database
from tests.aci.serving import Face, facing
from tests.conftest import fresh_url

# On a busy machine one example may well take longer than hypothesis allows by default.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def golden() -> Path:
    return Path(__file__).parent / "golden"


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the machine's time zone for one test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def ask() -> Callable[..., Request]:
    """Parses a request target and body written as in a capture."""

    def parse_target(
        target: bytes,
        body: bytes = b"",
        content_type: str | None = None,
        method: str = "POST",
        limits: Limits | None = None,
    ) -> Request:
        path, _, query = target.partition(b"?")
        return parse(method, path, query, content_type, body, limits or Limits())

    return parse_target


@pytest.fixture
def face(database: Database, empty_url: str) -> Iterator[Face]:
    """The HTTP face over each engine."""
    with facing(empty_url) as running:
        yield running


@pytest.fixture
def lone_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated SQLite database, where the engine does not matter."""
    return fresh_url("sqlite", request, tmp_path, migrated=True)


@pytest.fixture
def lone_face(lone_url: str) -> Iterator[Face]:
    """The HTTP face over SQLite."""
    with facing(lone_url) as running:
        yield running
