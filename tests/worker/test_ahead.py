"""The first worker begins to load before anything is known, and is told the rest later."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connector import launch
from connector.board.memory import Board
from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import workers
from connector.launch import Ahead
from connector.process import kill_tree
from connector.worker import children
from tests.worker.telling import until


@pytest.fixture
def settings(file: Database, tmp_path: Path) -> Settings:
    given = {"Database.URL": str(file.engine.url), "Paths.DataDirectory": str(tmp_path)}
    return load(None, {}, given, ["Fetch"]).settings


@pytest.fixture
def ahead() -> Iterator[Ahead]:
    made = Ahead()
    yield made
    made.dismiss()
    if made.process.poll() is None:
        kill_tree(made.process.pid)
        made.process.wait()


def test_one_that_is_dismissed_ends_without_a_word(ahead: Ahead) -> None:
    ahead.dismiss()
    assert ahead.process.poll() == 0
    assert not ahead.take(), "nobody gets it any more"


def test_once_told_it_begins_as_any_other_and_its_successor_is_one(
    ahead: Ahead, settings: Settings, file: Database
) -> None:
    child = children.worker(settings, 1, ahead)
    child.load()
    assert child.process is ahead.process
    ahead.dismiss()
    assert ahead.process.poll() is None, "it has been taken"
    assert not file.read(workers.beats)
    child.begin(0.0)
    until("it has registered", lambda: len(file.read(workers.beats)) == 1)
    kill_tree(ahead.process.pid)
    until("it is buried", lambda: child.ended(0.0) is not None)
    child.load()
    assert child.process is not None and child.process is not ahead.process
    child.dismiss()


def test_what_it_counts_stands_on_the_board_that_was_made_later(ahead: Ahead) -> None:
    board = Board.create(["supervisor", "worker 1", "slots"], ahead.board)
    assert Board(ahead.board).names == board.names


@pytest.mark.parametrize(
    "given", [["check"], ["serve", "--help"], ["work", "--help"], ["--help"], []]
)
def test_a_command_that_starts_no_worker_has_none_load(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["webex-connector", *given])
    before = {each.pid for each in psutil.Process().children()}
    assert launch.ahead() is None
    assert {each.pid for each in psutil.Process().children()} <= before
