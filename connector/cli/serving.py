"""`serve` and `work`: the processes of one host, run until they are told to end."""

import os
import socket
from pathlib import Path

from connector.cli.wiring import database_of, listen, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.db import schema
from connector.db.engine import Database
from connector.process import share_board
from connector.worker import hostlock
from connector.worker.child import Service
from connector.worker.supervisor import Supervisor


def run(settings: Settings, *, http: bool, config: Path | None = None) -> None:
    """Run a server (`http`) or workers alone until SIGTERM or Ctrl-C.

    `config`: the file that the settings are from, if it was named.
    """
    _check_folder(settings)
    if http and settings.service.service_port is not None:
        share_board(settings)
    with database_of(settings, "supervisor") as database:
        schema.check(database)
        _check_host(database)
        lock = _lock_server(database) if http else None
        port, service_port = settings.server.port, settings.service.service_port
        listener = listen(settings.server.host, port, "[Server] Port or --port") if http else None
        service = None
        if http and service_port is not None:
            listening = listen(settings.server.host, service_port, "[Service] ServicePort")
            service = Service(listening, str(config or ""))
        try:
            supervisor = Supervisor(settings, database, listener, service)
            supervisor.run(lambda: _announce(settings, listener, service))
            if supervisor.status:
                raise SystemExit(supervisor.status)
        finally:
            if listener is not None:
                listener.close()
            if service is not None:
                service.listener.close()
            if lock is not None:
                os.close(lock)


def _announce(settings: Settings, listener: socket.socket | None, service: Service | None) -> None:
    if listener is not None:
        print(f"webex-connector: serving on {_address(listener)}", flush=True)
        if service is not None:
            print(f"webex-connector: service port on {_address(service.listener)}", flush=True)
    else:
        shown = shown_url(settings.database.url_for("worker").get_secret_value())
        print(f"webex-connector: working on {shown}", flush=True)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _lock_server(database: Database) -> int | None:
    """Keep a second server off a database that can serve only one."""
    path = database.dialect.server_lock(database.engine.url)
    if path is None:
        return None
    lock = hostlock.acquire(Path(path), f"{socket.gethostname()} {os.getpid()}")
    if lock is None:
        refuse(
            f"another server uses the SQLite file {database.engine.url.database}; stop it, "
            "or give this one its own: [Database] URL or [Paths] DataDirectory"
        )
    return lock


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


def _check_host(database: Database) -> None:
    """Refuse an SQLite file that another host uses: its locks do not reach over the network."""
    owner = database.dialect.other_host(database.engine.url, socket.gethostname())
    if owner:
        refuse(
            f"the SQLite file {database.engine.url.database} belongs to the host {owner}; "
            "several hosts need PostgreSQL: set [Database] URL "
            f"(if the file was moved here for good, remove {database.engine.url.database}-host)"
        )
