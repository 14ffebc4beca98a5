"""What every ingest target must do, and what the folder of JSON lines does besides."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ingest.document import Document, Run
from connector.ingest.jsonl import Jsonl, page_name, stored_name
from connector.ingest.target import TargetUnusable
from connector.ingest.targets import TARGETS

RUN = Run("TASK", "01a20834-b082-7000-a38d-7253eaf62422", 2)
ADD = Document("add", "ref", "Title", "Text \u2028 with a line of its own", "2026-01-01", {"a": 1})
DELETE = Document("delete", "ref", metadata={"room_id": "r", "none": None})


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_target_takes_pages_and_files_again_and_again(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        target = TARGETS[name](tmp_path / "documents")
        target.begin(RUN, 0)
        for _ in range(2):
            with target.sink("ref", "name.txt") as sink:
                sink.write(b"one")
                sink.write(b"two")
            target.write_page(RUN, 1, [ADD, DELETE])
        with pytest.raises(LookupError), target.sink("broken", "name") as sink:
            sink.write(b"half")
            raise LookupError
    kept = sorted(p.name for p in tmp_path.rglob("*") if p.is_file())
    assert kept == (
        [] if name == "null" else sorted([page_name(RUN, 1), stored_name("ref", "name.txt")])
    )


def test_a_page_holds_one_record_a_line(tmp_path: Path) -> None:
    target = Jsonl(tmp_path)
    target.begin(RUN, 0)
    target.write_page(RUN, 1, [ADD, DELETE])
    lines = (tmp_path / page_name(RUN, 1)).read_bytes().split(b"\n")
    who = {"task": "TASK", "token": RUN.token, "attempt": 2}
    assert [json.loads(line) for line in lines[:-1]] == [
        {
            "schema": 1,
            "op": "add",
            "reference": "ref",
            **who,
            "title": "Title",
            "content": ADD.content,
            "date": "2026-01-01",
            "metadata": {"a": 1},
        },
        {"schema": 1, "op": "delete", "reference": "ref", **who, "metadata": {"room_id": "r"}},
    ]
    assert lines[-1] == b""


def test_a_run_takes_back_what_it_wrote_after_its_checkpoint_and_nothing_else(
    tmp_path: Path,
) -> None:
    other = Run("TASK", "01a20834-0000-7000-a38d-000000000000", 1)
    target = Jsonl(tmp_path)
    target.begin(RUN, 0)
    for number in (1, 2, 3):
        target.write_page(RUN, number, [ADD])
        target.write_page(other, number, [ADD])
    (tmp_path / ".tmp" / "left behind").write_bytes(b"half")
    target.begin(RUN, 1)
    names = {path.name for path in tmp_path.glob("page-*")}
    assert names == {page_name(RUN, 1), *(page_name(other, number) for number in (1, 2, 3))}
    assert not list((tmp_path / ".tmp").iterdir())


@given(st.text(min_size=1), st.text())
def test_any_name_becomes_one_that_a_folder_takes(reference: str, name: str) -> None:
    stored = stored_name(reference, name)
    assert "/" not in stored and "\0" not in stored and stored not in (".", "..")
    assert 0 < len(stored.encode()) <= 255
    assert stored != stored_name(reference + "x", name), "two references never share a file"


def test_names_stay_recognisable() -> None:
    assert stored_name("r", "../../etc/Résumé (final).pdf").endswith("Résumé (final).pdf")
    assert stored_name("r", "x" * 500 + ".docx").endswith("xx.docx")


def test_a_folder_that_cannot_be_made_is_told() -> None:
    target = Jsonl(Path("/dev/null/documents"))
    with pytest.raises(TargetUnusable, match="IngestDirectory"):
        target.begin(RUN, 0)


def test_a_page_on_a_full_disk_is_told_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Jsonl(tmp_path)
    target.begin(RUN, 0)
    (tmp_path / ".tmp" / page_name(RUN, 1)).symlink_to("/dev/full")
    with pytest.raises(TargetUnusable, match="make room"):
        target.write_page(RUN, 1, [ADD])
    assert not (tmp_path / page_name(RUN, 1)).exists()
