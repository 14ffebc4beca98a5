"""Refusals are counted all, and logged within bounds."""

from collections.abc import Iterator

import pytest

from connector import board
from connector.aci.refusals import CODES, LINES, Reason, Refusals, Refused
from connector.board.memory import Board
from connector.board.metrics import Metric


@pytest.fixture
def totals() -> Iterator[Board]:
    """A board on which this process counts."""
    made = Board.create(["here"])
    board.attach(made, "here", str)
    yield made
    board.detach()


def test_refusals_stand_among_the_metrics_of_the_host_from_the_start(totals: Board) -> None:
    name = Metric.REFUSALS.value.name
    noted = Refusals()
    told = {key[1]: value for key, value in totals.totals().items() if key[0] == name}
    assert told == dict.fromkeys(map(str, Reason), 0.0)
    noted.note(Reason.ROLE, "10.0.0.1", "no")
    noted.note(Reason.ROLE, "10.0.0.1", "no")
    Refusals().note(Reason.ROLE, "10.0.0.2", "no")
    assert totals.totals()[name, "role"] == 3


def test_every_reason_is_counted_from_the_start() -> None:
    noted = Refusals()
    assert set(noted.counts()) == set(Reason)
    assert not any(noted.counts().values())
    noted.note(Reason.KEY, "10.0.0.1", "no")
    assert noted.counts()["key"] == 1


def test_a_flood_is_counted_whole_and_logged_in_part(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    noted, now = Refusals(), [100.0]
    monkeypatch.setattr("connector.aci.refusals.time.monotonic", lambda: now[0])
    for _ in range(500):
        noted.note(Reason.ORIGIN, "10.0.0.1", "no")
    assert len(caplog.records) == LINES
    now[0] += 1
    noted.note(Reason.HOST, "10.0.0.1", "no")
    assert noted.counts()["origin"] == 500
    last = vars(caplog.records[-1])["facts"]
    assert (last["reason"], last["client"]) == ("host", "10.0.0.1")
    assert last["unlogged_before"] == 500 - LINES


def test_a_refused_request_is_told_by_the_code_of_its_reason() -> None:
    for reason, code in CODES.items():
        assert Refused(reason, "told").code is code
