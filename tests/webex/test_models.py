"""Webex's JSON as plain objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies

from connector.webex import BadReply, Message, Person, Room, moment

if TYPE_CHECKING:
    from tests.webex.conftest import MakeMessage


json_values = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=5,
)


def test_a_room_keeps_its_fields() -> None:
    room = Room.from_json(
        {
            "id": "R",
            "title": "Plans",
            "type": "group",
            "isLocked": True,
            "teamId": "T",
            "lastActivity": "2026-01-02T03:04:05.678Z",
            "created": "2026-01-01T00:00:00.000Z",
            "somethingNew": {},
        }
    )
    assert (room.id, room.title, room.type, room.is_locked) == ("R", "Plans", "group", True)
    assert (room.team_id, room.last_activity) == ("T", "2026-01-02T03:04:05.678Z")


def test_a_message_keeps_its_fields(message: MakeMessage) -> None:
    built = Message.from_json(
        message(
            "M",
            text="Grüße 👋",
            files=["https://webex.test/v1/contents/1"],
            mentionedPeople=["P1", "P2"],
            mentionedGroups=["all"],
            updated="2026-01-03T00:00:00.000Z",
            parentId="M0",
        )
    )
    assert (built.text, built.files) == ("Grüße 👋", ("https://webex.test/v1/contents/1",))
    assert (built.mentioned_people, built.mentioned_groups) == (("P1", "P2"), ("all",))
    assert (built.updated, built.parent_id) == ("2026-01-03T00:00:00.000Z", "M0")
    assert built.markdown is None


@pytest.mark.parametrize(
    ("model", "data", "field"),
    [
        (Room, {"type": "group"}, "id"),
        (Room, {"id": "R"}, "type"),
        (Room, {"id": 5, "type": "group"}, "id"),
        (Message, {"id": "M", "roomId": "R"}, "created"),
        (Message, {"id": "M", "created": "x"}, "roomId"),
        (Person, {"id": ""}, "id"),
    ],
)
def test_a_missing_field_is_named(
    model: type[Room | Message | Person], data: dict[str, object], field: str
) -> None:
    with pytest.raises(BadReply, match=f"'{field}'"):
        model.from_json(data)


@given(strategies.dictionaries(strategies.sampled_from(["id", "files", "text"]), json_values))
def test_values_of_another_type_are_as_if_missing(data: dict[str, object]) -> None:
    built = Message.from_json({**data, "id": "M", "roomId": "R", "created": "C"})
    assert all(isinstance(url, str) for url in built.files)
    assert built.text is None or isinstance(built.text, str)


def test_half_a_surrogate_pair_becomes_a_replacement_character(message: MakeMessage) -> None:
    built = Message.from_json(message("M", text="a\ud800b", files=["\udfff"]))
    assert (built.text, built.files) == ("a\ufffdb", ("\ufffd",))


def test_times_are_moments_in_utc() -> None:
    expected = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert moment("2026-01-02T03:04:05.678Z") == expected
    assert moment("2026-01-02T04:04:05.678+01:00") == expected
    assert moment("2026-01-02T03:04:05.678") == expected
    assert moment("2026-01-02T03:04:05.678Z").tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+10:00"])
def test_a_time_that_is_none_is_a_bad_reply(text: str) -> None:
    with pytest.raises(BadReply, match="ISO 8601"):
        moment(text)
