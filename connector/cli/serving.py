"""`serve` and `work`: the processes of one host, run until they are told to end."""

import os
import socket
from pathlib import Path

from connector.aci.tls import TlsError
from connector.cli.exposure import objection
from connector.cli.wiring import database_of, listen, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.db import schema
from connector.db.engine import Database
from connector.worker import hostlock
from connector.worker.supervisor import Supervisor


def run(settings: Settings, *, http: bool) -> None:
    """Run a server (`http`) or workers alone until SIGTERM or Ctrl-C."""
    _check_folder(settings)
    with database_of(settings, "supervisor") as database:
        schema.check(database)
        _check_host(database)
        if http:
            _check_exposure(settings)
        lock = _lock_server(database) if http else None
        listener = listen(settings) if http else None
        try:
            supervisor = Supervisor(settings, database, listener)
            supervisor.run(lambda: _announce(settings, listener))
            if supervisor.status:
                raise SystemExit(supervisor.status)
        finally:
            if listener is not None:
                listener.close()
            if lock is not None:
                os.close(lock)


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
    try:
        told = objection(settings)
    except TlsError as error:
        told = str(error)
    if told is not None:
        refuse(told)


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
