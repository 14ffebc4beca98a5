"""What our processes begin and end with: settings handed over, a database, certain death."""

import argparse
import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from connector import board
from connector.board.memory import Board
from connector.config import Settings
from connector.launch import TOLD, Ahead, launch

if TYPE_CHECKING:
    from connector.db.engine import Database

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_MOMENT = struct.Struct("d")

OTHER_BUILD = 75
"""Exit status of a child whose files are not those its parent runs: both must be started anew.

It is EX_TEMPFAIL of sysexits.h: trying again is right.
"""

CONNECTIONS = {"http": 5, "supervisor": 1, "worker": 3, "beats": 1, "events": 1, "slot": 1}
"""Kind of process or part of one to the most connections it has to the database; of others 2.

Each thread that uses the database has one; an http process has a writer, a changer, a reader, a
lister and a looker, a worker its loop, its claims and its records; one that listens has one more.
"""

REAPED = 0.5
"""Seconds within which a killed process is gone, unless it hangs in the kernel."""

LONGEST_PAUSE = 10.0
"""Seconds before another try to start what cannot begin, at most."""


def restart_pause(failures: int) -> float:
    """Return the seconds to wait before starting again what has failed so often in a row."""
    return 0.0 if failures <= 1 else min(LONGEST_PAUSE, 0.25 * 2.0 ** min(failures - 2, 10))


@functools.cache
def build_id() -> str:
    """Return a digest of the program's own files as they were when first asked for."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def spawn(
    module: str,
    settings: Settings,
    arguments: Sequence[str] = (),
    fds: Collection[int] = (),
    place: str = "",
) -> subprocess.Popen[bytes]:
    """Start `python -m module` with the settings handed over in memory.

    The child gets `--settings-fd N` (an anonymous file: nothing on the disk, nothing in the process
    list), the arguments, and the descriptors `fds` under the same numbers; the rest is as `launch`
    has it. `place`: where it counts on the board of this process, if that has one; see
    `join_board`.
    """
    shared = board.attached()
    if shared is not None and place:
        arguments = [*arguments, "--board-fd", str(shared.descriptor), "--place", place]
        fds = [*fds, shared.descriptor]
    descriptor = os.memfd_create("settings")
    try:
        _hand_over(settings, descriptor)
        given = ["--settings-fd", str(descriptor), *arguments]
        return launch(module, given, [descriptor, *fds])
    finally:
        os.close(descriptor)


def tell(waiting: Ahead, settings: Settings) -> None:
    """Hand the settings over to a worker that was started before they were known."""
    _hand_over(settings, waiting.settings)
    os.close(waiting.settings)
    with contextlib.suppress(BrokenPipeError):  # it has died: that is seen elsewhere
        os.write(waiting.leave, TOLD)


def _hand_over(settings: Settings, descriptor: int) -> None:
    os.write(descriptor, f"{build_id()}\n{settings.dump_private()}".encode())
    os.lseek(descriptor, 0, os.SEEK_SET)


def board_options(arguments: argparse.ArgumentParser) -> None:
    """Have a child take what `spawn` says of the board."""
    arguments.add_argument("--board-fd", type=int, default=-1)
    arguments.add_argument("--place", default="")


def share_board(settings: Settings, descriptor: int | None) -> None:
    """Make a board for this process, which is the supervisor, its children and their slots.

    It is made before the first of them is started, in a file that was handed on already if there is
    one, and has a place for each by its name.
    """
    server = settings.server
    children = [f"http {number + 1}" for number in range(server.http_processes)]
    children += [f"worker {number + 1}" for number in range(server.workers)]
    made = Board.create(["supervisor", *children, board.SLOTS], descriptor)
    board.attach(made, "supervisor", logging.getLogger().handlers[0].format)


def join_board(given: argparse.Namespace) -> None:
    """Count, and show the log, on the board that was handed over, if one was; after the log."""
    if given.board_fd >= 0 and os.fstat(given.board_fd).st_size:
        board.attach(Board(given.board_fd), given.place, logging.getLogger().handlers[0].format)


def received_settings(descriptor: int) -> Settings:
    """Return the settings that `spawn` handed over, and close their descriptor.

    Ends the process with the status OTHER_BUILD if its files differ from those its parent runs:
    the two might not understand each other.
    """
    with open(descriptor, "rb") as file:
        build = file.readline().decode().strip()
        if build != build_id():
            print("webex-connector: the program's files were replaced", file=sys.stderr)
            raise SystemExit(OTHER_BUILD)
        return Settings.handed_over(file.read())


def open_database(
    settings: Settings,
    application: str,
    patience: float = 0.0,
    create: bool = False,
    statement_seconds: float = 5.0,
    direct: bool = False,
) -> "Database":
    """Return the database of the settings; nothing is connected yet. Raises BadURL.

    `application`: what kind of process it is, which says how it logs in; the server shows it with
    host and pid as the name of the connections.
    `patience`: seconds to go on trying where somebody else holds a lock. `statement_seconds`: how
    long one statement may take; 0: as long as it needs. `direct`: around the pooler, if DirectURL
    says where the server is.
    """
    # Here, since they take long to import, and a slot may never need them.
    from connector.db.dialects.base import Pooler
    from connector.db.engine import Database

    database = settings.database
    place = database.direct_url_for(application)
    server = place.get_secret_value() if place else ""
    around = direct and bool(server)
    return Database(
        server if around else database.url_for(application).get_secret_value(),
        schema=settings.database.schema_name,
        application=f"{application}/{socket.gethostname()}/{os.getpid()}"[:63],
        hold_seconds=min(5.0, settings.worker.lease_seconds / 2),
        pooler=Pooler(server) if database.pooler and not around else None,
        pool_size=CONNECTIONS.get(application, 2),
        patience=patience,
        create=create,
        statement_seconds=statement_seconds,
        lock_timeout_ms=settings.database.lock_timeout_ms,
        connect_seconds=settings.database.connect_timeout_seconds,
    )


def die_with_parent(ask: signal.Signals, parent: int) -> None:
    """Have the kernel send `ask` to this process when its parent dies.

    `parent`: the parent's pid as it was told; if it has died already, this process ends at once.
    """
    _prctl(_PR_SET_PDEATHSIG, ask)
    if os.getppid() != parent:
        raise SystemExit(0)


def beat(descriptor: int) -> None:
    """Show the parent that this process moves, by the pipe it gave: it is told when."""
    try:
        os.write(descriptor, _MOMENT.pack(time.monotonic()))
    except (BlockingIOError, BrokenPipeError):
        pass  # a full pipe tells as much; a broken one means that SIGTERM is on its way


def tell_service_manager(state: str) -> None:
    """Send a state such as READY=1 to the service manager, if one wants it: sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(address)
        manager.send(state.encode())


def last_beat(descriptor: int) -> float | None:
    """Return the monotonic time of a child's newest beat, or None if there is none since.

    The clock is the host's, the same in all its processes.
    """
    newest = None
    try:
        while told := os.read(descriptor, _MOMENT.size << 9):
            if newest is not None:
                return time.monotonic()  # so many wait that the newest may not have found room
            (newest,) = _MOMENT.unpack(told[-_MOMENT.size :])
    except BlockingIOError:
        pass
    return newest


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none escapes."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_tree(pid: int) -> None:
    """Kill a child at once and everything it has started, as far as it can be seen now."""
    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for process in reversed(family):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def kill_orphans(known: Collection[int]) -> int:
    """Kill and reap the children of this process that it did not start; return how many.

    With `adopt_orphans` these are what a dead child left behind. Killing one may hand us its own
    children, so look until there are none.
    """
    killed = 0
    while True:
        strangers = [child for child in psutil.Process().children() if child.pid not in known]
        if not strangers:
            return killed
        for child in strangers:
            kill_tree(child.pid)
            if not _reaped(child.pid):
                return killed  # the kernel has it, as with a disk that hangs: the next call looks
            killed += 1


def _reaped(pid: int) -> bool:
    """Wait for a killed child, though not for one that the kernel does not let go."""
    end = time.monotonic() + REAPED
    while time.monotonic() < end:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        time.sleep(0.001)
    return False


def boot_id() -> str:
    """Return the name that the kernel gave this boot of the host."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
