"""A slot: a process that runs actions, one at a time, and never writes about them itself.

Started by a worker as `python -m connector.worker.slot`. It reads runs from its channel, answers
with outcomes, and ends when the channel closes. SIGTERM raises SystemExit in the action.
"""

import argparse
import faulthandler
import logging
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from connector import log
from connector.actions import sealing
from connector.actions.action import Action, Failed, Outcome, Prepares, Release
from connector.actions.configured import to_run
from connector.actions.registry import action, actions
from connector.config import Settings
from connector.config.by_request import Refused
from connector.db.errors import Unavailable
from connector.process import (
    adopt_orphans,
    board_options,
    die_with_parent,
    join_board,
    open_database,
    received_settings,
)
from connector.worker.channel import Closed, Message, SlotChannel
from connector.worker.context import SlotContext
from connector.worker.hiding import hide
from connector.worker.permits import Bell, Permits
from connector.worker.slots import SHOW_STACKS
from connector.worker.storable import outcome_message
from connector.worker.termination import Termination

if TYPE_CHECKING:
    from connector.db.engine import Database

_log = log.logger(__name__)


IDLE = 2.0
"""Seconds without a run after which a new slot loads what it may need later."""

KEY_AWAY = 60.0
"""Seconds until an action is tried again that this host cannot decrypt or configure."""

PATIENCE = 30.0
"""Seconds for which an action waits where somebody else holds a lock in the database."""


def main() -> None:
    """Run what the worker sends until it closes the channel."""
    arguments = argparse.ArgumentParser()
    for name in ("settings-fd", "channel-fd", "stacks-fd", "permits-fd", "bell-fd", "parent"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    board_options(arguments)
    given = arguments.parse_args()
    die_with_parent(signal.SIGKILL, given.parent)
    adopt_orphans()
    settings = received_settings(given.settings_fd)
    log.configure(settings.logging, "slot")
    join_board(given)
    faulthandler.register(SHOW_STACKS, file=given.stacks_fd, all_threads=True)
    ending = Termination()
    ending.catch()
    bell = Bell(given.bell_fd)
    channel = SlotChannel(socket.socket(fileno=given.channel_fd), bell)
    os.set_inheritable(given.permits_fd, False)
    os.set_inheritable(given.bell_fd, False)
    known = Known(settings)
    try:
        channel.send({"type": "ready"})
        bell.ring()
        if not channel.wait_for_news(IDLE):
            known.load_all()  # there is time for it now
        serve(known, channel, Permits(given.permits_fd), settings, ending)
    except (Closed, SystemExit):
        # At once: a thread that an action has left behind must not hold up the end.
        logging.shutdown()
        os._exit(0)


class Known:
    """The actions by name, each loaded when it is first wanted, with all that it imports."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[str, Action] = {}
        self._limits: dict[str, int] = {}
        self.folder = Path(settings.paths.data_directory)
        self.key_file = settings.paths.keys

    def __getitem__(self, name: str) -> Action:
        if name not in self._loaded:
            self._loaded[name] = action(name, self._settings, self._database)
        return self._loaded[name]

    def limit(self, name: str) -> int:
        """Return how many bytes a result of this action may be in one piece."""
        if name not in self._limits:
            self._limits[name] = self._settings.queue(name).max_result_size
        return self._limits[name]

    def load_all(self) -> None:
        """Load every action."""
        self._loaded |= actions(self._settings, self._database)
        for each in self._loaded.values():
            if isinstance(each, Prepares):
                each.prepare()

    def _database(self, kind: str = "slot") -> "Database":
        return open_database(self._settings, kind, patience=PATIENCE)


def serve(
    known: Known, channel: SlotChannel, permits: Permits, settings: Settings, ending: Termination
) -> None:
    """Run what comes, for ever; only SystemExit and a closed channel pass through."""
    received = 0
    while True:
        message = channel.wait()
        if message["type"] != "runs":
            continue  # the late answer to a save
        received += len(message["runs"])
        for token, attempt, parameters, checkpoint in message["runs"]:
            if not permits.take():
                break  # this one and all behind it were taken back
            run = {
                "token": token,
                "attempt": attempt,
                "worker_id": message["worker_id"],
                "queue": message["queue"],
                "parameters": parameters,
                "checkpoint": checkpoint,
            }
            perform(known, run, channel, settings, ending)
        if not channel.waiting():
            channel.send({"type": "idle", "received": received})
            channel.bell.ring()


def perform(
    known: Known,
    run: Message,
    channel: SlotChannel,
    settings: Settings,
    ending: Termination,
) -> None:
    """Run one action and tell how it ended."""
    wanted = known[run["queue"]]
    log.about(action=wanted.name, token=run["token"], attempt=run["attempt"])
    context = SlotContext(channel, ending, run, known.folder, _log)
    outcome = _outcome(wanted, context, settings, known.key_file)
    if not channel.is_ours():
        os._exit(1)  # a fork of the action's has come out of it: it must not speak for it
    context.end(outcome_message(context.hidden(outcome), known.limit(wanted.name)))


def _outcome(action: Action, context: SlotContext, settings: Settings, key_file: Path) -> Outcome:
    sent = context.parameters
    try:
        context.parameters = sealing.opened(sent, key_file)
        context.hiding = hide(sent, context.parameters)
    except ValueError as error:
        _log.error("action waits for its key", error=str(error))
        return Release(str(error), after=KEY_AWAY)
    try:
        # For this run alone: the next one finds the action as it was.
        this, context.parameters = to_run(action, context.parameters, settings)
        return this.run(context)
    except Refused as error:
        # Sent to a server of another version or with other tasks: there is one who can run it.
        said = f"the settings of its request cannot be used here: {error}"
        _log.error("action waits for another worker", error=said)
        return Release(said, after=KEY_AWAY)
    except Closed:
        raise
    except Unavailable as error:
        return Release(str(error), after=1.0)
    except Exception as error:
        _log.exception("action raised an exception")
        return Failed(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
