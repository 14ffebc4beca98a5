"""The fixed script whose cost is counted: actions are stored, run by a worker, and end well.

Everything about the database is real: group commits as the HTTP side makes them, and a worker's own
loop with its claims and records. What would make each run differ stands still: the clock that the
loop looks at, what wakes it, and slots, which end an action the moment they get it.
"""

import concurrent.futures
import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from connector.worker import filling, recording, saving, together, worker
from connector.worker.channel import Channel, Message
from connector.worker.lease import Lease
from connector.worker.slots import Slot
from connector.worker.worker import Worker
from tests.plugin.test_actions_plugin import Test

QUEUE = Test.name

COMMIT = 100
"""Actions stored by one commit."""

WARM_UP = 1500
"""Actions before those that are counted: the tables have some pages, a slot its full chunks."""

NOW = 1.0
"""The time at which a worker's clock stands still: long ago, so that it never waits for a time."""

TOOK = 9.9e-5
"""Seconds that each action is said to have taken."""


class Echo(Channel):
    """A slot's channel at whose other end every action has ended as soon as it is sent."""

    def __init__(self, unlike: bool) -> None:
        self._other, ours = socket.socketpair()
        super().__init__(ours)
        self._unlike = unlike
        self._said: list[Message] = []

    def send(self, message: Message, most: int | None = None) -> bool:
        for _, _, parameters, _ in message["runs"]:
            result = {"number": parameters["Number"]} if self._unlike else {}
            self._said.append({"type": "finished", "result": result, "took": TOOK})
        return True

    def receive(self) -> list[Message]:
        said, self._said = self._said, []
        return said

    def close(self) -> None:
        self._other.close()
        super().close()


class NoNews:
    """Wakes nobody: a notification comes when it likes, and may save a look at the queue."""

    def fileno(self) -> None:
        return None

    def news(self) -> Collection[str]:
        return ()

    def close(self) -> None:
        pass


def slot(unlike: bool) -> Slot:
    """Return a stand-in for a slot that is ready."""
    alive: Any = SimpleNamespace(pid=0, poll=lambda: None)
    never = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    return Slot(alive, Echo(unlike), never, os.memfd_create("stacks"), ready=True, heard=NOW)


class Script:
    """Actions on their way through one database.

    `unlike`: whether each has a result of its own.
    """

    def __init__(self, database: Database, working: Worker, settings: Settings) -> None:
        self.database = database
        self._worker = working
        self._settings = settings
        self._stored = 0

    def store(self, count: int, commit: int = COMMIT) -> None:
        """Store actions as requests over HTTP are, so many by one commit."""
        for start in range(0, count, commit):
            batch = [self._job() for _ in range(min(commit, count - start))]
            told = self.database.run_alone(submit.submit, batch, tell=True)
            assert told == [job.token for job in batch]

    def drain(self) -> None:
        """Let the worker make passes until it has found, run and recorded all that is stored."""
        filler, recorder = self._worker._filler, self._worker._recorder
        first = True
        while first or filler.holds or recorder.tokens or any(s.run for s in self._worker.slots):
            first = False
            self._worker._look_at = 0.0  # as news or a poll would have it
            self._worker.turn()
            # What is done beside a pass has ended before the next one, so that each run is alike.
            beside: list[Any] = [filler._claimer._under_way, recorder._together._under_way]
            concurrent.futures.wait([each[1] for each in beside if each])

    def _job(self) -> NewJob:
        self._stored += 1
        return NewJob(
            new_token(),
            QUEUE,
            {"Number": self._stored},
            submitted_by="127.0.0.1",
            config_hash=self._settings.hash,
        )


@contextmanager
def running(database: Database, folder: Path, unlike: bool = False) -> Iterator[Script]:
    """Yield the script with a worker that lives, has done its upkeep, and is at its pace."""
    flags = {"Database.URL": "sqlite:///unused.db", "Paths.DataDirectory": str(folder)}
    settings = load(None, {}, {**flags, f"{QUEUE}.MaximumThreads": "1"}, [QUEUE]).settings
    slots = [slot(unlike), slot(unlike)]  # one more than may be in use: no other is started
    lease = Lease(database, folder, 3600.0, {QUEUE: 1}, [], clock=lambda: NOW)
    with _still(), mock.patch.object(database, "wake", NoNews):
        working = Worker(settings, {QUEUE: Test()}, database, lease, slots=slots)
        script = Script(database, working, settings)
        lease.register()
        try:
            script.store(WARM_UP)
            script.drain()
            yield script
        finally:
            lease.end()
            working._rest.close()
            _close(slots)


def _close(slots: Sequence[Slot]) -> None:
    for each in slots:
        each.close()


@contextmanager
def _still() -> Iterator[None]:
    """Have the clock of a worker's loop stand still: nothing that is due by time comes between."""
    clock = SimpleNamespace(monotonic=lambda: NOW)
    modules = (worker, filling, recording, together, saving)
    patches = [mock.patch.object(module, "time", clock) for module in modules]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
