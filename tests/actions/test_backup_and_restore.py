"""What a backup holds comes back: every state, every row, once."""

import json
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa

from connector.actions.action import Finished, Outcome
from connector.actions.server import restore
from connector.actions.server.archive import Archive
from connector.db.copying import Row
from connector.db.engine import Tx
from connector.jobs import backup, operate, outcomes, reading
from connector.jobs.counting import Counting
from connector.jobs.restore import Restore, Stored
from connector.jobs.states import FINAL, OPEN, State
from connector.jobs.tables import jobs, queues
from tests.actions.conftest import QUEUES, WORKER, Rig
from tests.jobs.conftest import count_at_once

Elsewhere = Callable[[], Rig]
KEPT = ("task_rooms", "task_items")


@pytest.fixture
def tokens(rig: Rig) -> dict[State, str]:
    """A job in each state, and the states of a task."""
    rig.jobs.register(WORKER)
    rig.fill("ONE", rig.jobs.submit())
    return {state: rig.jobs.in_state(state)[0] for state in State}


def test_a_backup_put_back_into_an_empty_database_brings_each_state_back(
    rig: Rig, elsewhere: Elsewhere, tokens: dict[State, str]
) -> None:
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    told = other.done("RestoreServer", Path=name)
    assert told["actions"] == {"restored": len(State) + 2, "present": 0, "refused": 0}
    assert told["tasks"] == {"success": ["ONE"], "present": []}
    assert {"Database/URL", "Paths/DataDirectory"} <= set(told["configuration"]["differs"])
    for state, token in tokens.items():
        expected = State.QUEUED if state is State.RUNNING else state
        then, now = rig.jobs.row(token), other.jobs.row(token)
        assert now["state"] == expected
        changed = {"state", "changed_by", "worker_id"} if state not in FINAL else {"changed_by"}
        assert {k for k in then if then[k] != now[k]} <= changed
        assert other.jobs.events(token) == [*rig.jobs.events(token), "restore"]
    (event,) = other.database.read(reading.trail, tokens[State.RUNNING])
    assert event.reason == f"restored from a backup: {name}"
    assert rig.rows(*KEPT) == other.rows(*KEPT)


def test_the_queues_of_a_restored_server_are_paused_and_go_on_when_resumed(
    rig: Rig, elsewhere: Elsewhere, tokens: dict[State, str]
) -> None:
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    assert other.done("RestoreServer", Path=name)["paused"] == {"queue": ["Test"]}
    other.jobs.register(WORKER)
    with pytest.raises(StopIteration):
        other.jobs.claim(tokens[State.QUEUED])
    other.database.run(operate.resume_queue, "Test", "cli me")
    run = other.jobs.claim(tokens[State.RUNNING])
    assert run.attempt == 2, "it was running, and this is another attempt"


def test_large_results_come_back_with_their_actions(
    rig: Rig, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.jobs.register(WORKER)
    parts = [f"part {number}" for number in range(9)]
    for count in (9, 0, 3, 5):
        run = rig.jobs.running(WORKER)
        rig.database.run(outcomes.finish, run, {"a": 1}, parts[:count])
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    sizes: list[int] = []
    real = restore._put

    def put(tx: Tx, restore: Restore, saved: Sequence[Stored]) -> int:
        sizes.append(sum(len(each.results) for each in saved))
        return real(tx, restore, saved)

    monkeypatch.setattr(restore, "PARTS", 8)
    monkeypatch.setattr(restore, "_put", put)
    for _ in range(2):
        other.done("RestoreServer", Path=name)
        assert other.rows("job_results") == rig.rows("job_results")
    assert sum(sizes) == 2 * 17 and len(sizes) >= 4, "few of them are in memory at once"


def test_a_restore_that_is_sent_again_doubles_nothing(
    rig: Rig, elsewhere: Elsewhere, tokens: dict[State, str]
) -> None:
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    other.done("RestoreServer", Path=name)
    before = other.rows("task_rooms", "task_items", "tasks")
    events = other.jobs.events(tokens[State.FINISHED])
    told = other.done("RestoreServer", Path=name)
    assert told["actions"] == {"restored": 0, "present": len(State) + 2, "refused": 0}
    assert told["tasks"] == {"success": [], "present": ["ONE"]}
    assert other.rows("task_rooms", "task_items", "tasks") == before
    assert other.jobs.events(tokens[State.FINISHED]) == events


def test_what_is_there_is_left_alone_and_counted(rig: Rig, tokens: dict[State, str]) -> None:
    name = rig.done("BackupServer")["filename"]
    before = rig.rows("tasks", "task_rooms", "task_items", "jobs")
    told = rig.done("RestoreServer", Path=name)
    assert told["actions"]["restored"] == 0
    after = rig.rows("tasks", "task_rooms", "task_items", "jobs")
    assert set(before.pop("jobs")) - set(after.pop("jobs")) == set()
    assert after == before


def test_the_counts_of_actions_stay_exact(
    rig: Rig,
    elsewhere: Elsewhere,
    tokens: dict[State, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count_at_once(monkeypatch)
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    other.jobs.register(WORKER)
    other.jobs.in_state(State.FINISHED)
    count = Counting(other.database)
    states = sa.select(jobs.c.state).where(jobs.c.queue == "Test")
    for _ in range(2):
        count.step()
    other.done("RestoreServer", Path=name)
    for _ in range(3):
        found = other.database.read(reading.counts, "Test")
        rows = other.database.read(lambda tx: Counter(tx.execute(states).scalars()))
        assert found.completed == 1 + len(FINAL) == sum(rows[state] for state in FINAL)
        assert found.states == {state: rows[state] for state in OPEN}
        count.step()


def test_an_action_about_the_server_is_not_run_again_from_a_backup(
    rig: Rig, elsewhere: Elsewhere
) -> None:
    run = rig.claimed("BackupServer")
    outcome = rig.perform(run, "BackupServer")
    other = elsewhere()
    other.done("RestoreServer", Path=_filename(outcome))
    assert other.jobs.state(run.token) is State.CANCELLED
    assert other.jobs.events(run.token) == ["restore"]


def test_what_was_asked_of_a_running_action_holds_after_a_restore(
    rig: Rig, elsewhere: Elsewhere
) -> None:
    rig.jobs.register(WORKER)
    asked = {state: rig.jobs.in_state(State.RUNNING)[0] for state in ("stop", "pause")}
    for request, token in asked.items():
        rig.jobs.by_hand(token, requested=request)
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    other.done("RestoreServer", Path=name)
    assert other.jobs.state(asked["stop"]) is State.STOPPED
    assert other.jobs.state(asked["pause"]) is State.PAUSED


def test_a_backup_is_of_one_moment_though_actions_arrive_meanwhile(
    rig: Rig, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.jobs.submit()
    tables = backup.tables

    def arriving(tx: Tx) -> Iterator[tuple[str, Iterator[Row]]]:
        for name, rows in tables(tx):
            rig.jobs.submit()
            yield name, rows

    monkeypatch.setattr(backup, "tables", arriving)
    name = rig.done("BackupServer")["filename"]
    assert len(rig.rows("jobs")["jobs"]) > 3
    with zipfile.ZipFile(rig.backups / name) as archive:
        # The backup's own action is the second.
        assert len(archive.read("jobs.jsonl").splitlines()) == 2


def test_the_file_is_for_its_owner_alone_and_holds_no_secret(rig: Rig) -> None:
    name = rig.done("BackupServer", Path="nightly/monday")["filename"]
    assert name.startswith("nightly/monday/")
    assert name.endswith(f"Z_127.0.0.1_{rig.settings().server.port}.zip")
    path = rig.backups / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [x.name for x in path.parent.iterdir()] == [path.name], "nothing is left beside it"
    with zipfile.ZipFile(path) as archive:
        text = archive.read("configuration.cfg").decode()
        manifest = json.loads(archive.read("manifest.json"))
    assert "[FetchTasks]" in text and "geheim" not in text
    assert manifest["contents"]["jobs.jsonl"]["lines"] == 1


def test_a_job_that_the_database_refuses_keeps_no_other_from_its_restore(
    rig: Rig, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = rig.jobs.submit(), rig.jobs.submit()
    name = rig.done("BackupServer")["filename"]
    of_jobs = restore.of_jobs

    def spoilt(archive: Archive) -> Iterator[Stored]:
        for each in of_jobs(archive):
            wrong = {**each.job, "state": "dancing"}
            yield Stored(wrong) if each.token == bad else each

    monkeypatch.setattr(restore, "of_jobs", spoilt)
    other = elsewhere()
    told = other.done("RestoreServer", Path=name)
    assert told["actions"] == {"restored": 2, "present": 0, "refused": 1}
    assert other.jobs.state(good) is State.QUEUED


def test_limits_of_queues_come_back(rig: Rig, elsewhere: Elsewhere) -> None:
    rig.jobs.register(WORKER)
    rig.database.run(operate.limit_queue, "Test", 3, "cli me")
    name = rig.done("BackupServer")["filename"]
    other = elsewhere()
    other.done("RestoreServer", Path=name)
    with other.database.engine.connect() as connection:
        row = connection.execute(sa.select(queues).where(queues.c.queue == "Test")).one()
    assert (row.max_running, row.paused) == (3, True)
    assert not set(QUEUES) & {x for x in other.rows("queues")["queues"] if "True" in x}


def _filename(outcome: Outcome) -> str:
    assert isinstance(outcome, Finished)
    return str(outcome.result["filename"])
