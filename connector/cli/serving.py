"""`serve` and `work`: the processes of one host, run until they are told to end.

What takes long to import is imported where it is wanted: the workers are started before, the first
of them before this, so that they load meanwhile. They begin once it is certain that they may.
"""

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from connector.cli.wiring import checked_database, listen, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.launch import Ahead
from connector.process import share_board
from connector.worker import children
from connector.worker.children import Child, Service

if TYPE_CHECKING:
    from connector.db.engine import Database


def run(settings: Settings, ahead: Ahead | None, *, http: bool, config: Path | None = None) -> None:
    """Run a server (`http`) or workers alone until SIGTERM or Ctrl-C.

    `ahead`: the first worker, if it loads already. `config`: the file that the settings are from,
    if it was named.
    """
    _check_folder(settings)
    if http and settings.service.service_port is not None:
        share_board(settings, None if ahead is None else ahead.board)
    with ExitStack() as stack:
        workers = stack.enter_context(_loading_workers(settings, ahead))
        database = stack.enter_context(checked_database(settings, "supervisor"))
        _check_host(database)
        _warn_of_environment(settings, database)
        listener, service, places = None, None, []
        if http:
            _check_exposure(settings)
            _lock_server(database, stack)
            listener, service = _listen(settings, config, stack)
            numbers = range(1, settings.server.http_processes + 1)
            places = [children.http(settings, number, listener, service) for number in numbers]
        _prepare_keys(settings, database)
        from connector.worker.supervisor import Supervisor

        supervisor = Supervisor(settings, database, places, workers)
        supervisor.run(lambda: _announce(settings, listener, service))
        if supervisor.status:
            raise SystemExit(supervisor.status)


@contextmanager
def _loading_workers(settings: Settings, ahead: Ahead | None) -> Iterator[Sequence[Child]]:
    """Start the workers, which wait for leave; end those that never got it."""
    numbers = range(1, settings.server.workers + 1)
    workers = [children.worker(settings, n, ahead if n == 1 else None) for n in numbers]
    if ahead is not None and not workers:
        ahead.dismiss()
    with suppress(OSError):  # tried again, and told, by the supervisor
        for worker in workers:
            worker.load()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.dismiss()


def _listen(
    settings: Settings, config: Path | None, stack: ExitStack
) -> tuple[socket.socket, Service | None]:
    host, port = settings.server.host, settings.service.service_port
    listener = listen(host, settings.server.port, "[Server] Port or --port")
    stack.enter_context(listener)
    if port is None:
        return listener, None
    second = stack.enter_context(listen(host, port, "[Service] ServicePort"))
    return listener, Service(second, str(config or ""))


def _announce(settings: Settings, listener: socket.socket | None, service: Service | None) -> None:
    scheme = "http" if settings.ssl.ssl_certificate is None else "https"
    if listener is not None:
        print(f"webex-connector: serving on {scheme}://{_address(listener)}/", flush=True)
        if service is not None:
            address = _address(service.listener)
            print(f"webex-connector: service port on {scheme}://{address}/", flush=True)
    else:
        shown = shown_url(settings.database.url_for("worker").get_secret_value())
        print(f"webex-connector: working on {shown}", flush=True)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _warn_of_environment(settings: Settings, database: "Database") -> None:
    from connector.db import schema

    if told := schema.foreign(database, settings.server.environment):
        print(f"webex-connector: {told}", file=sys.stderr)


def _prepare_keys(settings: Settings, database: "Database") -> None:
    """Make the key file at the first start of all; say so if this host has not the right one."""
    from sqlalchemy.exc import DBAPIError

    from connector.actions import keys

    try:
        told = keys.prepare(database, settings.paths.keys)
    except DBAPIError as error:  # nothing else needs the right to record it
        first = str(error.orig).partition("\n")[0]
        told = f"the key file cannot be recorded in the database: {first}; give this user the right"
    if told is not None:
        print(f"webex-connector: secret parameters of actions: {told}", file=sys.stderr)


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
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
