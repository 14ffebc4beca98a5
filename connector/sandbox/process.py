"""The sandbox as a child of the process that uses it: a test, a demonstration, a measurement."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from select import select
from types import TracebackType
from typing import Any, Self

import httpx2

from connector.sandbox.options import Options

_PACKAGES = Path(__file__).parents[2]
_START = 20.0
_END = 5.0


class SandboxError(Exception):
    """The sandbox did not start, or refused a control; the message says why."""


class SandboxProcess:
    """``with SandboxProcess(rooms=3, messages=20) as sandbox:``, the keywords those of ``Options``.

    The child ends with the block, and also if this process is killed, or the thread that entered
    the block ends: that is what the kernel takes for the parent (prctl(2), PR_SET_PDEATHSIG).

    Raises TypeError or ValueError for options that are none, SandboxError if the sandbox does not
    listen within 20 seconds.
    """

    base_url: str
    """Where the API is: ``http://127.0.0.1:PORT/v1``."""
    token: str
    """The bearer token it accepts."""

    def __init__(self, **options: Any) -> None:
        self.options = Options(**options)
        self.token = self.options.token

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
        try:
            self.base_url = self._first_line()
        except BaseException:
            self._end()
            raise
        self._controls = httpx2.Client(
            base_url=self.base_url.removesuffix("/v1") + "/sandbox/", trust_env=False, timeout=30
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controls.close()
        self._end()

    @property
    def pid(self) -> int:
        """The id of the child process."""
        return self._child.pid

    def control(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Posts to a control (see ``controls``), such as "add-message"; its answer.

        Raises SandboxError if it is refused.
        """
        return self._answer(self._controls.post(name, json=arguments))

    def requests(self) -> dict[str, dict[str, int]]:
        """Counts since the start or "reset-requests": by "endpoints", "rooms" and "statuses"."""
        return self._answer(self._controls.get("requests"))

    def expected(self) -> dict[str, int]:
        """How many "rooms", "messages" and "files" a complete fetch would find now."""
        return self._answer(self._controls.get("expected"))

    def _answer(self, response: httpx2.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        if response.is_error:
            raise SandboxError(body.get("message", f"status {response.status_code}"))
        return body

    def _command(self) -> list[str]:
        options = self.options
        named = {
            "host": options.host,
            "port": options.port,
            "seed": options.seed,
            "rooms": options.rooms,
            "messages": options.messages,
            "files": options.files,
            "file-size": options.file_size,
            "now": options.now.isoformat(),
            "span-days": options.span.total_seconds() / 86_400,
            "messages-limit": options.messages_limit,
            "rooms-limit": options.rooms_limit,
            "throttle-every": options.throttle_every,
            "retry-after": options.retry_after,
            "token": options.token,
            "die-with-parent": os.getpid(),
        }
        command = [sys.executable, "-m", "connector.sandbox"]
        command += [f"--{name}={value}" for name, value in named.items()]
        return command + ["--scan-files"] * options.scan_files

    def _first_line(self) -> str:
        out = self._child.stdout
        assert out is not None
        if select([out], [], [], _START)[0]:
            line = out.readline().decode().strip()
            if line:
                return line
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        raise SandboxError(f"the sandbox did not start within {_START:g} s: {said or 'no word'}")

    def _end(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(_END)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._errors.close()


def _python_path() -> str:
    given = os.environ.get("PYTHONPATH")
    return f"{_PACKAGES}{os.pathsep}{given}" if given else str(_PACKAGES)
