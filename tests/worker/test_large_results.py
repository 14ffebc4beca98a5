"""A large result on its way from a slot to the database: in parts, and never half of it."""

import contextlib
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from connector import log
from connector.actions.action import Finished
from connector.config import Settings
from connector.config.database import DatabaseSettings
from connector.config.paths import PathsSettings
from connector.db.engine import Database
from connector.jobs import results
from connector.jobs.job import Run
from connector.worker import slots
from connector.worker.channel import Channel, Closed, Message, SlotChannel
from connector.worker.context import SlotContext
from connector.worker.permits import Bell
from connector.worker.recording import Recorder
from connector.worker.slots import Slot
from connector.worker.storable import outcome_message
from connector.worker.termination import Termination
from tests.worker.conftest import running

NAMES = [f"name {number} 🎉" for number in range(100_000)]
RESULT = {"identifiers": {"identifier": NAMES}}


class Ends:
    """A slot as its worker sees it, and the context of the run in it."""

    def __init__(self, run: Run, folder: Path) -> None:
        ours, theirs = Channel.pair()
        self.slot = Slot(cast(Any, None), ours, -1, -1, ready=True, run=run)
        self._theirs = SlotChannel(theirs, Bell.silent())
        told = {"token": run.token, "attempt": run.attempt, "worker_id": run.worker_id}
        given = {**told, "parameters": {}, "checkpoint": None}
        logger = log.logger(__name__)
        self.context = SlotContext(self._theirs, Termination(), given, folder, logger)

    def heard(self, say: Callable[[], object]) -> list[Message]:
        """Return what the worker hears while something is said; it says no more when it is deaf."""

        def until_closed() -> None:
            with contextlib.suppress(Closed):  # it was not listened to, and the test has ended
                say()

        saying = threading.Thread(target=until_closed, daemon=True)
        saying.start()
        messages: list[Message] = []
        unheard = select.poll()
        unheard.register(self.slot.channel, select.POLLIN)
        while (saying.is_alive() or unheard.poll(0)) and not self.slot.deaf:
            messages += self.slot.messages()
        return messages

    def close(self) -> None:
        self.slot.channel.close()
        self._theirs.close()


@pytest.fixture
def ends(file: Database, tmp_path: Path) -> Any:
    (run,) = running(file, 1)
    made = Ends(run, tmp_path)
    yield made
    made.close()


def test_what_a_slot_returns_is_stored_whole_and_the_loop_is_seen_to_go_round(
    ends: Ends, file: Database, tmp_path: Path
) -> None:
    settings = Settings(
        database=DatabaseSettings.model_validate({"url": "sqlite:///unused.db"}),
        paths=PathsSettings(data_directory=tmp_path),
    )
    told = outcome_message(Finished(RESULT))
    (message,) = ends.heard(lambda: ends.context.end(told))
    run = ends.slot.run
    assert run is not None and message["parts"] == [part.encode() for part in told["parts"]]
    recorder, moves = Recorder(file, settings), [0]
    recorder.outcome(run, message, ends.slot.ended(0.0))
    recorder.record(lambda: moves.append(1))
    stored = file.read(lambda tx: [row["content"] for row in results.every(tx)])
    assert stored == told["parts"]
    assert len(moves) > len(stored), "between two statements, however many there are"


def test_half_a_result_is_none(ends: Ends) -> None:
    told = outcome_message(Finished(RESULT))

    def half() -> None:
        for part in told["parts"][:3]:
            ends.context._channel.send({"type": "part", "content": part})

    assert ends.heard(half) == []
    assert len(ends.slot.parts) == 3


def test_what_tells_more_than_a_result_can_have_is_not_listened_to(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MOST_PARTS", 1 << 20)
    told = outcome_message(Finished(RESULT))
    assert ends.heard(lambda: ends.context.end(told)) == [] and ends.slot.deaf
    assert "more than 1,048,576 bytes" in ends.slot.why
