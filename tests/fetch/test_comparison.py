"""A page compared with what was delivered before: what is new, changed, missing."""

from dataclasses import replace

from connector.actions.fetch.comparison import (
    FAILED,
    compare,
    file_reference,
    fingerprint,
    stamp_of,
)
from connector.datastore.content import Item
from connector.webex.models import Message

HOST = "https://webexapis.com/v1/contents/"


def message(id: str, *files: str, text: str = "Hello") -> Message:
    return Message.from_json(
        {
            "id": id,
            "roomId": "room",
            "created": f"2026-01-01T00:00:{id[-2:]}.000Z",
            "text": text,
            "files": [HOST + file for file in files],
        }
    )


def known(*messages: Message) -> dict[str, Item]:
    items = {}
    for m in messages:
        items[m.id] = Item(m.id, "room", None, stamp_of(m.created), fingerprint(m))
        for url in m.files:
            items[file_reference(url)] = Item(file_reference(url), "room", m.id, m.created, "")
    return items


def test_what_is_not_known_is_added_with_its_files() -> None:
    found = compare([message("m10", "f1", "f2")], {}, with_files=True)
    assert [m.id for m in found.added] == ["m10"]
    assert [file.reference for file in found.files] == ["f1", "f2"]
    assert compare([message("m10", "f1")], {}, with_files=False).files == []


def test_what_is_the_same_is_unchanged_and_what_differs_is_updated() -> None:
    there = known(message("m10", "f1"), message("m11"))
    found = compare([message("m11", text="Edited"), message("m10", "f1")], there, with_files=True)
    assert (found.unchanged, [m.id for m in found.updated]) == (2, ["m11"])
    assert not found.added and not found.missing and not found.detached


def test_the_address_of_a_file_may_change_but_not_its_reference() -> None:
    assert file_reference("https://other.example/v1/contents/abc?allow=x") == "abc"
    assert file_reference(HOST + "abc/") == "abc"


def test_a_known_message_that_the_page_lacks_is_missing_unless_the_page_before_ended_with_it() -> (
    None
):
    there = known(message("m12"), message("m11", "f1"), message("m10"))
    page = [message("m10")]
    missing = compare(page, there, with_files=True).missing
    assert {item.reference for item in missing} == {"m12", "m11"}, "files go with their message"
    missing = compare(page, there, with_files=True, edge=("m12",)).missing
    assert [item.reference for item in missing] == ["m11"]


def test_a_file_that_its_message_no_longer_has_is_detached() -> None:
    there = known(message("m10", "f1", "f2"))
    page = [message("m10", "f2")]
    assert [x.reference for x in compare(page, there, with_files=True).detached] == ["f1"]
    assert compare(page, there, with_files=False).detached == [], "files are not looked at"


def test_a_file_that_failed_is_tried_again() -> None:
    there = known(message("m10", "f1"))
    there["f1"] = replace(there["f1"], fingerprint=FAILED)
    found = compare([message("m10", "f1")], there, with_files=True)
    assert [file.reference for file in found.failed_files] == ["f1"] and not found.files


def test_times_are_written_so_that_text_order_is_time_order() -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T02:00:01+02:00"]
    stamps = [stamp_of(time) for time in times]
    assert stamps == sorted(stamps) and len({len(stamp) for stamp in stamps}) == 1
