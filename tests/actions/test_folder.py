"""No path of a client leads out of the folder of backups."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.actions.action import InvalidParameter
from connector.actions.registry import tasks_of
from connector.actions.server import folder
from connector.actions.server.backup import BackupServer
from connector.actions.server.restore import RestoreServer
from connector.db.engine import Database
from tests.actions.conftest import Rig

OUT = ("/etc/passwd", "..", "a/../../b", "a//b", "./a", ".hidden", "a/.part", "a\0b", "a\nb", "a/")
TOKEN = "01a20834-b082-7000-a38d-7253eaf62422"


@pytest.mark.parametrize("path", [*OUT, "x" * 256])
def test_a_path_that_leads_out_or_hides_is_refused(path: str) -> None:
    with pytest.raises(InvalidParameter, match="inside the server's folder of backups"):
        folder.parts(path)


@given(st.text(max_size=30))
def test_what_is_taken_is_names_below_the_folder(path: str) -> None:
    try:
        names = folder.parts(path)
    except InvalidParameter:
        return
    inside = os.path.normpath(os.path.join("/srv", *names))
    assert inside == "/srv" + "".join(f"/{name}" for name in names)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", OUT)
def test_such_a_path_is_refused_before_the_action_is_stored(rig: Rig, path: str) -> None:
    def unused(kind: str) -> Database:
        raise AssertionError("nothing is opened")

    for action in (BackupServer, RestoreServer):
        with pytest.raises(InvalidParameter):
            tasks_of(action(rig.settings(), unused), {"Path": path})


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", OUT)
def test_such_a_path_in_a_row_made_by_hand_is_refused_when_it_runs(rig: Rig, path: str) -> None:
    rig.backups.mkdir(parents=True)
    for name in ("BackupServer", "RestoreServer"):
        assert "inside the server's folder" in rig.failed(name, Path=path)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_a_link_is_not_followed_to_write_or_to_read(rig: Rig, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    name = rig.done("BackupServer")["filename"]
    (outside / "real.zip").write_bytes((rig.backups / name).read_bytes())
    (rig.backups / "out").symlink_to(outside)
    (rig.backups / "linked.zip").symlink_to(outside / "real.zip")
    assert "cannot be written" in rig.failed("BackupServer", Path="out")
    for path in ("out/real.zip", "linked.zip"):
        assert "cannot be read" in rig.failed("RestoreServer", Path=path)
    assert [path.name for path in outside.iterdir()] == ["real.zip"]


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_what_is_no_file_is_not_waited_for(rig: Rig) -> None:
    (rig.backups / "folder").mkdir(parents=True)
    os.mkfifo(rig.backups / "pipe")
    for path in ("folder", "pipe", "absent.zip"):
        assert "cannot be read" in rig.failed("RestoreServer", Path=path)


def test_a_file_is_there_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder.written(tmp_path, "", "a.zip", TOKEN) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_attempt_that_another_has_overtaken_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another attempt"):
        with folder.written(tmp_path, "", "a.zip", TOKEN) as slow:
            slow.write(b"old")
            with folder.written(tmp_path, "", "a.zip", TOKEN) as file:
                file.write(b"new")
    assert (tmp_path / "a.zip").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
