"""What an action costs on SQLite: how many statements and commits, each of which is a sync."""

from pathlib import Path

import pytest

from connector.db.engine import Database
from tests.guard.counting import sent
from tests.guard.script import COMMIT, running

pytestmark = pytest.mark.xdist_group("guard")

COUNT = 1000
"""Actions that are counted: a full chunk."""


def test_many_actions_share_statements_and_commits(file: Database, tmp_path: Path) -> None:
    with running(file, tmp_path) as script, sent(file) as found:
        script.store(COUNT)
        script.drain()
    commits = COUNT // COMMIT
    shared = {"store": commits, "look": 2, "claim": 2, "record": 1}
    transactions = commits + 2 + 2 + 1
    assert found == {**shared, "begin": transactions, "commit": transactions}


def test_one_action_alone(file: Database, tmp_path: Path) -> None:
    with running(file, tmp_path) as script, sent(file) as found:
        script.store(1)
        script.drain()
    assert found == {"store": 1, "look": 2, "claim": 2, "record": 1, "begin": 6, "commit": 6}
