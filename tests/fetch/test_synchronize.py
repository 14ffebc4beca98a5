"""What Synchronize delivers, and what it asks Webex for."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from connector.actions.action import Finished
from connector.datastore.tables import task_items
from tests.fetch.conftest import Fetching, Record, ops

ALL_TIME = "36500"
Make = Callable[..., Fetching]


def counted(outcome: object) -> dict[str, int]:
    assert isinstance(outcome, Finished), outcome
    (counts,) = outcome.result["documentcounts"]["documentcount"]
    return {name[1:]: int(value) for name, value in counts.items() if name != "@task"}


def test_everything_there_is_arrives_once(make: Make) -> None:
    fetching = make(rooms=4, messages=60, throttle_every=11)
    outcome = fetching.synchronize()
    expected = fetching.sandbox.expected()
    records = fetching.records()
    messages = [r for r in records if r["metadata"]["type"] == "message"]
    files = [r for r in records if r["metadata"]["type"] == "file"]
    assert (len(messages), len(files)) == (expected["messages"], expected["files"])
    assert len({record["reference"] for record in records}) == len(records)
    assert ops(records) == {"add": len(records)}
    assert counted(outcome) == {
        **dict.fromkeys(("deleted", "errors", "ingestdeleted", "ingestupdated"), 0),
        **dict.fromkeys(("unchanged", "updated"), 0),
        **dict.fromkeys(("added", "ingestadded", "seen"), len(records)),
    }
    assert isinstance(outcome, Finished)
    assert outcome.result["fetchaction"] == "SYNCHRONIZE"
    assert outcome.result["tasks"] == {"success": ["ONE"]}
    assert fetching.context.told[-1] == {
        "rooms_done": 4,
        "rooms_total": 4,
        "messages": len(messages),
        "files": len(files),
    }


def test_records_say_what_they_are(make: Make) -> None:
    fetching = make(rooms=3, messages=40)
    fetching.synchronize()
    folder = fetching.folder / "documents" / "ONE"
    for record in fetching.records():
        assert record["schema"] == 1
        assert record["task"] == "ONE"
        assert (record["token"], record["attempt"]) == (fetching.context.token, 1)
        assert record["reference"] and record["title"] and record["date"]
        metadata = record["metadata"]
        assert metadata["room_id"] and metadata["room_type"] in ("direct", "group")
        if metadata["type"] == "file":
            data = (folder / metadata["file"]).read_bytes()
            assert len(data) == metadata["size"]
            assert hashlib.sha256(data).hexdigest() == metadata["sha256"]
        else:
            assert metadata["author"]
    replies = [r for r in fetching.records() if r["metadata"].get("parent")]
    assert replies and all(isinstance(r["metadata"]["parent"], str) for r in replies)


def test_a_second_run_delivers_nothing_and_asks_for_no_room(make: Make) -> None:
    fetching = make(rooms=4, messages=60)
    fetching.synchronize()
    fetching.take()
    fetching.sandbox.control("reset-requests")
    outcome = fetching.synchronize(CONNECTOR_FETCHTASKS_SWEEPDAYS="7")
    assert fetching.records() == []
    assert counted(outcome)["seen"] == 0
    assert fetching.sandbox.requests()["endpoints"] == {"rooms": 1}


def test_a_new_message_brings_itself_and_asks_for_its_room_alone(make: Make) -> None:
    fetching = make(rooms=4, messages=60)
    fetching.synchronize()
    room = fetching.take()[0]["metadata"]["room_id"]
    fetching.sandbox.control("add-message", roomId=room, text="What is new?", files=1)
    fetching.sandbox.control("reset-requests")
    counts = counted(fetching.synchronize())
    records = fetching.records()
    assert [r["content"] for r in records if r["metadata"]["type"] == "message"] == ["What is new?"]
    assert ops(records) == {"add": 2}
    assert counts["added"] == 2
    assert set(fetching.sandbox.requests()["rooms"]) == {room}


def test_the_sweep_finds_edits_and_deletions(make: Make) -> None:
    fetching = make(rooms=3, messages=60, files=9)
    fetching.synchronize()
    records = fetching.take()
    plain = [
        r for r in records if r["metadata"]["type"] == "message" and "files" not in r["metadata"]
    ]
    with_file = next(r for r in records if r["metadata"].get("files"))
    oldest = min(plain, key=lambda r: r["date"])
    newest = max(plain, key=lambda r: r["date"])
    edited = plain[len(plain) // 2]
    fetching.sandbox.control("edit-message", id=edited["reference"], text="As I meant it.")
    for record in (oldest, newest, with_file):
        fetching.sandbox.control("delete-message", id=record["reference"])
    assert ops(_swept(fetching)) == {"update": 1, "delete": 4}
    found = fetching.take()
    assert [r["content"] for r in found if r["op"] == "update"] == ["As I meant it."]
    gone = {r["reference"] for r in found if r["op"] == "delete"}
    assert gone == {
        oldest["reference"],
        newest["reference"],
        with_file["reference"],
        *with_file["metadata"]["files"],
    }
    assert _swept(fetching) == [], "what was told once is not told again"


def _swept(fetching: Fetching) -> list[Record]:
    fetching.synchronize(CONNECTOR_FETCHTASKS_SWEEPDAYS=ALL_TIME)
    return fetching.records()


def test_a_room_emptied_is_swept_to_its_end(make: Make) -> None:
    fetching = make(rooms=2, messages=8, files=0)
    fetching.synchronize()
    records = fetching.take()
    room = records[0]["metadata"]["room_id"]
    there = [r["reference"] for r in records if r["metadata"]["room_id"] == room]
    for reference in there:
        fetching.sandbox.control("delete-message", id=reference)
    assert {r["reference"] for r in _swept(fetching)} == set(there)


def test_rooms_and_days_and_files_can_be_left_out(make: Make) -> None:
    fetching = make(rooms=4, messages=80)
    everything = _of(fetching, CONNECTOR_FETCHTASKS_0="ALL")
    rooms = sorted({r["metadata"]["room_id"] for r in everything})
    kinds = {r["metadata"]["room_id"]: r["metadata"]["room_type"] for r in everything}
    direct = _of(fetching, CONNECTOR_FETCHTASKS_0="DIRECT", CONNECTOR_FETCHTASKS_ROOMTYPES="direct")
    assert {r["metadata"]["room_id"] for r in direct} == {i for i in kinds if kinds[i] == "direct"}
    named = _of(fetching, CONNECTOR_FETCHTASKS_0="NAMED", CONNECTOR_FETCHTASKS_ROOMIDS=rooms[0])
    assert {r["metadata"]["room_id"] for r in named} == {rooms[0]}
    without = _of(
        fetching, CONNECTOR_FETCHTASKS_0="NOT", CONNECTOR_FETCHTASKS_EXCLUDEROOMIDS=rooms[0]
    )
    assert {r["metadata"]["room_id"] for r in without} == set(rooms[1:])
    day = date(2026, 9, 1)
    late = _of(
        fetching, CONNECTOR_FETCHTASKS_0="LATE", CONNECTOR_FETCHTASKS_MESSAGEMINDATE=str(day)
    )
    kept = {r["reference"] for r in everything if r["metadata"]["created"] >= str(day)}
    assert {r["reference"] for r in late} == kept
    bare = _of(fetching, CONNECTOR_FETCHTASKS_0="BARE", CONNECTOR_FETCHTASKS_DOWNLOADFILES="false")
    assert {r["metadata"]["type"] for r in bare} == {"message"}
    small = _of(fetching, CONNECTOR_FETCHTASKS_0="SMALL", CONNECTOR_FETCHTASKS_MAXFILESIZE="1")
    left_out = [r for r in small if r["metadata"]["type"] == "file"]
    assert left_out and all("MaxFileSize" in r["metadata"]["left_out"] for r in left_out)
    assert not list(Path(fetching.folder / "documents" / "SMALL" / "files").iterdir())


def _of(fetching: Fetching, **environment: str) -> list[Record]:
    fetching.synchronize(**environment)
    return fetching.records(environment["CONNECTOR_FETCHTASKS_0"])


def test_the_null_target_counts_and_keeps_nothing(make: Make) -> None:
    fetching = make(rooms=2, messages=20)
    counts = counted(fetching.synchronize(CONNECTOR_FETCHTASKS_INGESTERTYPE="null"))
    expected = fetching.sandbox.expected()
    assert counts["added"] == expected["messages"] + expected["files"]
    assert not (fetching.folder / "documents").exists()


def test_a_message_that_webex_still_has_is_never_deleted(make: Make) -> None:
    fetching = make(rooms=1, messages=30, files=0)
    fetching.synchronize()
    some = fetching.take()[5]["reference"]
    with fetching.database.engine.begin() as connection:
        # As after two messages of one moment, or a clock of Webex that was set: not where expected.
        moved = sa.update(task_items).values(created="2026-01-01T00:00:00.000000Z")
        assert connection.execute(moved.where(task_items.c.reference == some)).rowcount == 1
    fetching.sandbox.control("reset-requests")
    assert "delete" not in ops(_swept(fetching))
    assert fetching.sandbox.requests()["endpoints"]["messages/{id}"] == 1
