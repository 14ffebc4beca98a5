"""A file that is no backup, or not one for this server, changes nothing."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.actions.server import backup as action
from connector.actions.server.archive import CONFIGURATION, MANIFEST
from tests.actions.conftest import Rig

pytestmark = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def name(rig: Rig) -> str:
    """A backup of some jobs, which are then gone."""
    for _ in range(3):
        rig.jobs.submit()
    return str(rig.done("BackupServer")["filename"])


def rewritten(rig: Rig, name: str, change: Change) -> str:
    """Write another archive, changed, whose checksums of its own are right."""
    with zipfile.ZipFile(rig.backups / name) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    change(files)
    with zipfile.ZipFile(rig.backups / "changed.zip", "w") as archive:
        for each, content in files.items():
            archive.writestr(each, content)
    return "changed.zip"


def manifest(**facts: Any) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(
            {**json.loads(files["manifest.json"]), **facts}
        ).encode()

    return change


def refused(rig: Rig, path: str) -> str:
    """Restore, which must fail, and return why; nothing was changed."""
    tables = ("queues", "tasks", "schedules")
    before, jobs = rig.rows(*tables), len(rig.rows("jobs")["jobs"])
    told = rig.failed("RestoreServer", Path=path)
    after = rig.rows(*tables)
    assert _without(after["queues"]) == _without(before["queues"])
    assert after["tasks"] == before["tasks"]
    assert len(rig.rows("jobs")["jobs"]) == jobs + 1
    return told


def _without(queues: list[str]) -> list[str]:
    """Return the rows of queues but for the one that the restore itself is claimed from."""
    return [row for row in queues if "RestoreServer" not in row]


@pytest.mark.parametrize("where", ["queues.jsonl", "jobs.jsonl", CONFIGURATION, MANIFEST, "end"])
def test_a_damaged_file_is_found_out(rig: Rig, name: str, where: str) -> None:
    path: Path = rig.backups / name
    content = bytearray(path.read_bytes())
    place = len(content) - 22  # the record by which a zip is known
    if where != "end":
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(where)
        following = [x.header_offset for x in archive.infolist()] + [archive.start_dir]
        place = min(x for x in following if x > info.header_offset) - info.compress_size // 2
    content[place : place + 3] = bytes(255 - byte for byte in content[place : place + 3])
    path.write_bytes(content)
    assert "nothing was changed" in refused(rig, name)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_is_found_out(rig: Rig, name: str, part: float) -> None:
    path = rig.backups / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert "nothing was changed" in refused(rig, name)


def test_a_table_that_is_not_what_the_manifest_says_is_found_out(rig: Rig, name: str) -> None:
    def shorter(files: dict[str, bytes]) -> None:
        files["jobs.jsonl"] = b"".join(files["jobs.jsonl"].splitlines(True)[1:])

    assert "jobs.jsonl in the backup is not what" in refused(rig, rewritten(rig, name, shorter))

    def gone(files: dict[str, bytes]) -> None:
        del files["jobs.jsonl"]

    assert "jobs.jsonl is not in the backup" in refused(rig, rewritten(rig, name, gone))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"schema_version": 4}, "has version 4|with version 4 of the schema"),
        ({"product": "Another"}, "the backup is of Another"),
        ({"format": 99}, "of format 99, not 1"),
        ({"environment": "production"}, "send OtherEnvironment=true if that is meant"),
        ({"unknown": 1}, "no backup that can be read"),
    ],
)
def test_a_backup_of_something_else_is_refused(
    rig: Rig, name: str, facts: dict[str, Any], why: str
) -> None:
    assert re.search(why, refused(rig, rewritten(rig, name, manifest(**facts))))


def test_a_backup_of_another_deployment_is_taken_if_that_is_meant(rig: Rig, name: str) -> None:
    name = rewritten(rig, name, manifest(environment="production"))
    assert "belongs to None" in refused(rig, name)
    told = rig.done("RestoreServer", Path=name, OtherEnvironment=True)
    assert told["actions"]["present"] == 4


def test_a_backup_that_takes_too_long_is_given_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.jobs.submit()
    monkeypatch.setattr(action, "MOST_SECONDS", -1.0)
    monkeypatch.setattr(action, "TOLD", 1)
    assert "was given up after" in rig.failed("BackupServer")
    assert list(rig.backups.iterdir()) == []
