"""Proof of life on one host: a file lock that the kernel frees when its holder dies."""

import fcntl
import os
from pathlib import Path

from connector.db.engine import Database
from connector.db.errors import Locked
from connector.jobs import workers
from connector.jobs.outbox import NOBODY, Outbox


def folder(data: Path) -> Path:
    """Return the folder of the locks inside the data folder, made if need be."""
    path = data / "state"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def acquire(path: Path, text: str = "") -> int | None:
    """Take the lock at `path` and return its descriptor, or None if a living process holds it.

    `text` is written into the file, for people.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
    except OSError:
        pass  # the text is for people; the lock holds without it, on a full disk too
    return descriptor


def path_of(state: Path, worker_id: str) -> Path:
    """Return the path of a worker's lock."""
    return state / f"worker-{worker_id}.lock"


def release_dead(
    database: Database, state: Path, host: str, by: str, outbox: Outbox = NOBODY
) -> list[str]:
    """Take away the leases of this host's dead workers and hand back what they held.

    A worker is dead if its lock can be taken. One without a lock file in this folder is another
    server's, and is left to its lease. Returns the tokens handed back, of one batch at most: as
    many mean that there may be more. Raises Unavailable, and Locked, once all others have been
    handed back, if somebody has locked the row of a dead worker.
    """
    locked: Locked | None = None
    for worker_id in database.read(workers.on_host, host):
        path = path_of(state, worker_id)
        if not path.exists():
            continue
        taken = acquire(path)
        if taken is None:
            continue
        try:
            database.run(workers.evict, worker_id)
            path.unlink(missing_ok=True)
        except Locked as error:
            locked = error
        finally:
            os.close(taken)
    tokens = workers.rescue(database, by, workers.BATCH, outbox=outbox)
    if locked and not tokens:
        raise locked
    return tokens
