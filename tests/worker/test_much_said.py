"""A slot that has said or is told very much at once."""

import socket
from pathlib import Path
from typing import Any, cast

from connector.db.engine import Database
from connector.jobs.job import Run
from connector.worker.channel import Channel, SlotChannel
from connector.worker.permits import Bell
from connector.worker.slots import Slot
from tests.worker.conftest import running

LARGE = 700_000
"""Bytes of a message: of two more than is heard at once."""


def standing(run: Run | None = None) -> tuple[Slot, SlotChannel]:
    ours, theirs = Channel.pair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    slot = Slot(cast(Any, None), ours, -1, -1, ready=True, run=run, bell=Bell.silent())
    return slot, SlotChannel(theirs, slot.bell)


def test_all_that_a_slot_said_before_it_ended_is_heard(file: Database, tmp_path: Path) -> None:
    (run,) = running(file, 1)
    slot, theirs = standing(run)
    said = {"type": "finished", "result": {"text": "x" * 1000}, "took": 0.0}
    # As many as the kernel keeps of one who is killed before his worker has come to hear him.
    theirs._socket.setblocking(False)
    count = 0
    while count < 1500:
        Channel.send(theirs, said)
        if theirs.unsent:
            break
        count += 1
    assert count > 1050, "more than is heard at once"
    theirs.close()
    heard = slot.last_messages()
    assert len(heard) == count
    slot.channel.close()


def test_who_says_more_than_is_heard_at_once_is_heard_again_at_once(file: Database) -> None:
    (run,) = running(file, 1)
    slot, theirs = standing(run)
    said = {"type": "finished", "result": {"text": "x" * LARGE}, "took": 0.0}
    theirs._socket.setblocking(False)
    for _ in range(2):
        Channel.send(theirs, said)
    assert not theirs.unsent
    assert len(slot.messages()) == 1
    assert slot.bell.rung(), "so the worker's rest ends"
    assert len(slot.messages()) == 1
    assert not slot.bell.rung()
    theirs.close()
    slot.channel.close()


def test_runs_that_are_too_large_for_one_message_go_in_several(
    file: Database, monkeypatch: Any
) -> None:
    runs = running(file, 9)
    slot, theirs = standing()
    monkeypatch.setattr("connector.worker.slots.LONGEST", 200)
    slot.give(runs, 0.0)
    told: list[str] = []
    messages = 0
    while len(told) < len(runs):
        message = theirs.wait()
        told += [token for token, *_ in message["runs"]]
        messages += 1
    assert told == [run.token for run in runs]
    assert messages > 1
    theirs.close()
    slot.channel.close()
    slot.permits.close()
