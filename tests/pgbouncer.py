"""A real PgBouncer in transaction mode before a PostgreSQL server, on a free loopback port."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import sqlalchemy as sa

START_SECONDS = 20.0

CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
server_reset_query =
"""


def program() -> str | None:
    """Return where PgBouncer is, if it is on this machine."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def before(server: sa.URL, size: int = 5) -> Iterator[sa.URL]:
    """Start one before the server at a URL and yield the URL through it."""
    bouncer = program()
    assert bouncer, "PgBouncer is not installed"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="webex-connector-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                host=server.host, port=server.port, user=server.username, own=own, size=size
            )
        )
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [bouncer, *user, str(configuration)], stdout=log, stderr=log, cwd=folder
            )
        try:
            through = server.set(port=own)
            _wait(process, through, folder / "log")
            yield through
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: sa.URL, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            psycopg.connect(plain, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text(errors="replace")) from error
        time.sleep(0.05)
