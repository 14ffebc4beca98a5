"""Starting processes of ours, with the standard library alone; and one before all else is loaded.

Until a server that was killed is back at work, interpreters and libraries take most of the time. So
the first worker begins to load beside the command line, on another processor, and is told settings
and leave when these are known.
"""

import os
import subprocess
import sys
from collections.abc import Collection, Sequence

URLS = "CONNECTOR_DATABASE_"
"""How variables begin that may hold passwords of other kinds of processes."""

WORKER = "connector.worker.start"
COMMANDS = ("serve", "work")
"""Commands that start workers."""

TOLD = b"1"
"""What a process that waits reads for each thing it waits for; if its parent dies, nothing."""


def launch(
    module: str, arguments: Sequence[str], fds: Collection[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `python -m module` in a session of its own, with the descriptors `fds`.

    A terminal's Ctrl-C reaches the supervisor alone. Variables that set [Database] are kept from
    it: they may hold passwords of other kinds of processes. Raises OSError.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        pass_fds=fds,
        env={name: text for name, text in os.environ.items() if not name.startswith(URLS)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


class Ahead:
    """The first worker, which loads and waits to be told the settings, then for leave.

    `settings`, `board`: anonymous files that it has open, both still empty. `beats`: the pipe on
    which it shows that it moves; `leave`: the one that it waits on. Raises OSError.
    """

    def __init__(self) -> None:
        self.settings, self.board = os.memfd_create("settings"), os.memfd_create("board")
        self.beats, beats = os.pipe()
        waits, self.leave = os.pipe()
        os.set_blocking(self.beats, False)
        os.set_blocking(beats, False)
        given = {
            "settings-fd": self.settings,
            "board-fd": self.board,
            "beat-fd": beats,
            "leave-fd": waits,
            "parent": os.getpid(),
        }
        arguments = [text for name, n in given.items() for text in (f"--{name}", str(n))]
        arguments += ["--place", "worker 1", "--ahead"]
        theirs = (self.settings, self.board, beats, waits)
        try:
            self.process = launch(WORKER, arguments, theirs)
        finally:
            os.close(beats)
            os.close(waits)
        self._ours = True

    def take(self) -> bool:
        """Say whether it is still to be had, once: who takes it ends it."""
        ours, self._ours = self._ours, False
        return ours

    def dismiss(self) -> None:
        """End it, unless somebody has taken it. The board stays: others may count on it."""
        if self.take():
            for descriptor in (self.leave, self.beats, self.settings):
                os.close(descriptor)
            self.process.wait()


def ahead() -> Ahead | None:
    """Start the first worker if the command line is about to want one, and return it."""
    if sys.argv[1:2] not in [[name] for name in COMMANDS] or "--help" in sys.argv:
        return None
    try:
        return Ahead()
    except OSError:
        return None  # tried again, and told, by the supervisor
