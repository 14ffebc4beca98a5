"""`serve` and `work`: the processes of one host, run until they are told to end.

What takes long to import is imported where it is wanted: the workers are started before, so that
they load meanwhile. They begin once it is certain that they may.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from connector.cli.wiring import checked_database, listen, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.worker import children
from connector.worker.children import Child

if TYPE_CHECKING:
    from connector.db.engine import Database


def run(settings: Settings, *, http: bool) -> None:
    """Run a server (`http`) or workers alone until SIGTERM or Ctrl-C."""
    _check_folder(settings)
    with ExitStack() as stack:
        workers = stack.enter_context(_loading_workers(settings))
        database = stack.enter_context(checked_database(settings, "supervisor"))
        _check_host(database)
        listener, places = None, []
        if http:
            _check_exposure(settings)
            _lock_server(database, stack)
            listener = stack.enter_context(listen(settings))
            numbers = range(1, settings.server.http_processes + 1)
            places = [children.http(settings, number, listener) for number in numbers]
        from connector.worker.supervisor import Supervisor

        supervisor = Supervisor(settings, database, places, workers)
        supervisor.run(lambda: _announce(settings, listener))
        if supervisor.status:
            raise SystemExit(supervisor.status)


@contextmanager
def _loading_workers(settings: Settings) -> Iterator[Sequence[Child]]:
    """Start the workers, which wait for leave; end those that never got it."""
    workers = [children.worker(settings, n) for n in range(1, settings.server.workers + 1)]
    with suppress(OSError):  # tried again, and told, by the supervisor
        for worker in workers:
            worker.load()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.dismiss()


def _announce(settings: Settings, listener: socket.socket | None) -> None:
    if listener is not None:
        host, port = listener.getsockname()[:2]
        address = f"[{host}]" if ":" in host else host
        scheme = "http" if settings.ssl.ssl_certificate is None else "https"
        print(f"webex-connector: serving on {scheme}://{address}:{port}/", flush=True)
    else:
        shown = shown_url(settings.database.url_for("worker").get_secret_value())
        print(f"webex-connector: working on {shown}", flush=True)


def _check_exposure(settings: Settings) -> None:
    from connector.aci.tls import TlsError
    from connector.cli.exposure import objection

    try:
        told = objection(settings)
    except TlsError as error:
        told = str(error)
    if told is not None:
        refuse(told)


def _lock_server(database: "Database", stack: ExitStack) -> None:
    """Keep a second server off a database that can serve only one, until the stack is left."""
    from connector.worker import hostlock

    path = database.dialect.server_lock(database.engine.url)
    if path is None:
        return
    lock = hostlock.acquire(Path(path), f"{socket.gethostname()} {os.getpid()}")
    if lock is None:
        refuse(
            f"another server uses the SQLite file {database.engine.url.database}; stop it, "
            "or give this one its own: [Database] URL or [Paths] DataDirectory"
        )
    stack.callback(os.close, lock)


def _check_folder(settings: Settings) -> None:
    folder = settings.paths.data_directory
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        refuse(
            f"cannot write in the data folder {folder}: {error.strerror}; "
            "give this user the right to, or choose another with [Paths] DataDirectory"
        )


def _check_host(database: "Database") -> None:
    """Refuse an SQLite file that another host uses: its locks do not reach over the network."""
    owner = database.dialect.other_host(database.engine.url, socket.gethostname())
    if owner:
        refuse(
            f"the SQLite file {database.engine.url.database} belongs to the host {owner}; "
            "several hosts need PostgreSQL: set [Database] URL "
            f"(if the file was moved here for good, remove {database.engine.url.database}-host)"
        )
