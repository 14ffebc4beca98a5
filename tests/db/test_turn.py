"""Writers of one SQLite file take turns, and none waits for ever."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from connector.db.dialects.turn import NotInTime, turn
from connector.db.engine import Database
from connector.db.errors import Locked, Unavailable

HOLD = """
import sys
from connector.db.dialects.turn import turn
with turn(sys.argv[1], 5):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_one_at_a_time_and_each_gets_its_turn(tmp_path: Path) -> None:
    path, inside, most, done = str(tmp_path / "turn"), [0], [0], [0]

    def work() -> None:
        for _ in range(50):
            with turn(path, 30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                done[0] += 1
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most[0], done[0]) == (1, 400)


def test_a_process_that_holds_it_for_ever_stops_nobody_for_ever(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    database = Database(url, lock_timeout_ms=50)
    command = [sys.executable, "-c", HOLD, f"{tmp_path / 'x.db'}-turn"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Locked):
            database.run(lambda tx: None)
        with pytest.raises(NotInTime), turn(f"{tmp_path / 'x.db'}-turn", 0.05):
            pass
        holder.kill()
    # Those who gave up must not hold it either, once their threads have got it.
    assert Database(url, patience=10.0).run(lambda tx: "done") == "done"
    database.close()


def test_a_link_to_the_file_shares_its_locks(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    database = Database(f"sqlite:///{tmp_path / 'link.db'}")
    assert database.dialect.server_lock(database.engine.url) == f"{tmp_path / 'real.db'}-server"


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", create=False)
    with pytest.raises(Unavailable, match="does not exist"):
        database.run(lambda tx: None)
    assert not (tmp_path / "x.db").exists()
