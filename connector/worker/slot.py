"""A slot: a process that runs actions, one at a time, and never writes about them itself.

Started by a worker as `python -m connector.worker.slot`. It reads runs from its channel, answers
with outcomes, and ends when the channel closes. SIGTERM raises SystemExit in the action.
"""

import argparse
import faulthandler
import logging
import os
import select
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from connector import log
from connector.actions import sealing
from connector.actions.action import Action, Failed, Outcome, Prepares, Release
from connector.actions.registry import action, actions
from connector.config import Settings
from connector.db.errors import Unavailable
from connector.process import (
    adopt_orphans,
    board_options,
    die_with_parent,
    join_board,
    open_database,
    received_settings,
)
from connector.worker.channel import Channel, Closed, Message
from connector.worker.context import SlotContext
from connector.worker.slots import SHOW_STACKS
from connector.worker.storable import outcome_message
from connector.worker.termination import Termination

if TYPE_CHECKING:
    from connector.db.engine import Database

_log = log.logger(__name__)


IDLE = 2.0
"""Seconds without a run after which a new slot loads what it may need later."""

KEY_AWAY = 60.0
"""Seconds until an action is tried again whose secret parameters this host cannot decrypt."""

PATIENCE = 30.0
"""Seconds for which an action waits where somebody else holds a lock in the database."""


def main() -> None:
    """Run what the worker sends until it closes the channel."""
    arguments = argparse.ArgumentParser()
    for name in ("settings-fd", "channel-fd", "stacks-fd", "parent"):
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
    channel = Channel(socket.socket(fileno=given.channel_fd))
    known = Known(settings)
    try:
        channel.send({"type": "ready"})
        if not select.select([channel], [], [], IDLE)[0]:
            known.load_all()  # there is time for it now
        while True:
            run = channel.wait()
            if run["type"] == "run":  # not the late answer to a save
                perform(known, run, channel, settings, ending)
    except (Closed, SystemExit):
        # At once: a thread that an action has left behind must not hold up the end.
        logging.shutdown()
        os._exit(0)


class Known:
    """The actions by name, each loaded when it is first wanted, with all that it imports."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[str, Action] = {}

    def __getitem__(self, name: str) -> Action:
        if name not in self._loaded:
            self._loaded[name] = action(name, self._settings, self._database)
        return self._loaded[name]

    def load_all(self) -> None:
        """Load every action."""
        self._loaded |= actions(self._settings, self._database)
        for each in self._loaded.values():
            if isinstance(each, Prepares):
                each.prepare()

    def _database(self, kind: str = "slot") -> "Database":
        return open_database(self._settings, kind, patience=PATIENCE)


def perform(
    known: Known,
    run: Message,
    channel: Channel,
    settings: Settings,
    ending: Termination,
) -> None:
    """Run one action and tell how it ended; only SystemExit and a closed channel pass through."""
    wanted = known[run["queue"]]
    log.about(action=wanted.name, token=run["token"], attempt=run["attempt"])
    folder = Path(settings.paths.data_directory)
    context = SlotContext(channel, ending, run, folder, _log)
    process = os.getpid()
    outcome = _outcome(wanted, context, settings.paths.keys)
    if os.getpid() != process:
        os._exit(1)  # a fork of the action's has come out of it: it must not speak for it
    limit = settings.queue(wanted.name).max_result_size
    context.end(outcome_message(outcome, limit))


def _outcome(action: Action, context: SlotContext, key_file: Path) -> Outcome:
    try:
        context.parameters = sealing.opened(context.parameters, key_file)
    except ValueError as error:
        _log.error("action waits for its key", error=str(error))
        return Release(str(error), after=KEY_AWAY)
    try:
        return action.run(context)
    except Closed:
        raise
    except Unavailable as error:
        return Release(str(error), after=1.0)
    except Exception as error:
        _log.exception("action raised an exception")
        return Failed(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
