"""A real MariaDB server on a free loopback port in a folder of its own, also for root."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pymysql
import sqlalchemy as sa

START_SECONDS = 60.0
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"

# Durability against power loss is not what the tests look at, and costs most of their time.
OPTIONS = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "64M",
    "max-connections": "200",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "0",
    "sync-frm": "0",
    # Making and removing tables is what tests do most.
    "innodb-file-per-table": "0",
    "skip-name-resolve": "1",
}


def installed() -> bool:
    """Say whether the programs of a server are on this machine."""
    return _program("mariadbd") is not None


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=PLACES)


@contextlib.contextmanager
def start(place: Path | None = None, **options: str) -> Iterator[str]:
    """Start a server and yield the URL of its database `mysql`; remove it at the end.

    `place`: the folder in which it has one of its own, if not the machine's for such.
    """
    with tempfile.TemporaryDirectory(
        prefix="webex-connector-mariadb-", dir=place, ignore_cleanup_errors=True
    ) as name:
        with _serving(Path(name), {**OPTIONS, **options}) as url:
            yield url


def dump(server: sa.URL, database: str) -> str:
    """Return the statements that make a database as it is, with all that is in it."""
    what = ("--routines", "--triggers", "--skip-comments", database)
    return _client("mariadb-dump", server, *what)


def restore(server: sa.URL, database: str, statements: str) -> None:
    """Run the statements of a dump in an empty database."""
    _client("mariadb", server, database, read=statements)


def _client(name: str, server: sa.URL, *arguments: str, read: str = "") -> str:
    program = _program(name)
    assert program, f"{name} is not installed"
    where = (f"--host={server.host}", f"--port={server.port}", f"--user={server.username}")
    command = [program, "--no-defaults", *where, *arguments]
    return subprocess.run(command, input=read, capture_output=True, check=True, text=True).stdout


@contextlib.contextmanager
def _serving(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    server, install = _program("mariadbd"), _program("mariadb-install-db")
    assert server and install, "MariaDB is not installed"
    user = "mysql" if os.geteuid() == 0 else None  # the server refuses to run as root
    data, socket_path = folder / "data", folder / "socket"
    if user:
        shutil.chown(folder, user)
    made = subprocess.run(
        [
            install,
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *([f"--user={user}"] if user else []),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},  # as below
    )
    if made.returncode:
        raise RuntimeError(made.stdout)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [
                server,
                "--no-defaults",
                f"--datadir={data}",
                f"--tmpdir={folder}",  # servers side by side would take each other's files
                f"--socket={socket_path}",
                f"--pid-file={folder / 'pid'}",
                "--bind-address=127.0.0.1",
                f"--port={port}",
                *(f"--{name}={value}" for name, value in settings.items()),
                *([f"--user={user}"] if user else []),
            ],
            stdout=told,
            stderr=told,
            cwd=folder,
        )
    try:
        _wait(process, port, log)
        yield f"mariadb://root@127.0.0.1:{port}/mysql"
    finally:
        process.kill()  # at once: nobody wants what is in it
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2).close()
            return
        except pymysql.err.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text(errors="replace")) from error
        time.sleep(0.05)
