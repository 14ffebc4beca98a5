"""What one end of a channel says is heard at the other, and what is no message ends it."""

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.worker.channel import LONGEST, Channel, Closed, Message
from connector.worker.slots import Slot

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=10,
)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def heard(message: Message) -> Message:
    ours, theirs = Channel.pair()
    other = Channel(theirs)
    other.send(message)
    (received,) = ours.receive()
    ours.close()
    other.close()
    return received


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = Channel.pair()
    yield ours, theirs
    ours.close()
    theirs.close()


@given(ANY)
def test_a_message_arrives_as_it_was_sent(value: Any) -> None:
    received = heard({"value": value})
    assert received == {"value": value}
    assert json.dumps(received) == json.dumps({"value": value}), "1 is not 1.0, nor True"


@pytest.mark.parametrize("value", ["\ud800", "half \udfff\0é🎉", nested(300), 10**4000])
def test_also_what_is_seldom_sent(value: Any) -> None:
    assert heard({"value": value}) == {"value": value}


def test_messages_arrive_whole_however_they_are_cut(ends: tuple[Channel, socket.socket]) -> None:
    ours, theirs = ends
    sent = [{"number": number, "text": "é" * number} for number in range(3)]
    received = []
    for byte in b"".join(framed(json.dumps(each).encode()) for each in sent):
        theirs.send(bytes([byte]))
        received += ours.receive()
    assert received == sent


def test_what_does_not_fit_is_sent_later_and_in_order(ends: tuple[Channel, socket.socket]) -> None:
    ours, theirs = ends
    other, sent = Channel(theirs), 0
    while not ours.unsent:
        ours.send({"number": sent, "text": "x" * 10_000})
        sent += 1
    ours.send({"number": sent, "text": ""})
    received: list[Message] = []
    while len(received) <= sent:
        received.append(other.wait())
        ours.flush()
    assert [each["number"] for each in received] == list(range(sent + 1))
    assert not ours.unsent


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b'{"a":1}x', b'{"a":"\xff"}', b"[" * 100_000, b"1" * 5000],
)
def test_what_is_no_message_ends_the_conversation(
    body: bytes, ends: tuple[Channel, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.send(framed(b'{"type":"ready"}') + framed(body))
    with pytest.raises(Closed, match="no JSON"):
        ours.receive()


def test_nobody_waits_for_a_message_without_end(ends: tuple[Channel, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(struct.pack("!I", LONGEST + 1))
    with pytest.raises(Closed, match="at most"):
        ours.receive()


def test_of_who_is_gone_the_last_words_are_heard(ends: tuple[Channel, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(framed(b'{"type":"ready"}'))
    theirs.close()
    assert ours.receive() == [{"type": "ready"}]
    with pytest.raises(Closed):
        ours.receive()


def test_a_part_that_no_database_keeps_does_not_trouble_the_worker(
    ends: tuple[Channel, socket.socket],
) -> None:
    ours, theirs = ends
    said = b'{"type":"part","content":"\\ud800"}', b'{"type":"finished","result":{},"took":0}'
    theirs.send(b"".join(map(framed, said)))
    process: Any = None
    (message,) = Slot(process, ours, -1, -1, ready=True).messages()
    assert message["parts"] == [b"?"]


@pytest.mark.parametrize("took", ['"long"', "NaN", "-1", "1e300", "null", "{}"])
def test_an_end_after_no_time_that_there_is_ends_the_conversation(
    took: str, ends: tuple[Channel, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.send(framed(f'{{"type":"finished","result":{{}},"took":{took}}}'.encode()))
    process: Any = None
    slot = Slot(process, ours, -1, -1, ready=True)
    assert slot.messages() == []
    assert slot.deaf and "took no time" in slot.why
