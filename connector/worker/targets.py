"""Where events go: a text file, an HTTP server; each told of one event at a time.

NotDelivered    the target did not take this event
└── Away        it takes no event at the moment
"""

import os
import ssl
import stat
import time
from pathlib import Path
from typing import Protocol

import httpx2

import connector
from connector.config.handlers import HandlerSettings
from connector.worker.notices import Notice

MOST_READ = 64 << 10
"""Bytes read of an answer, which says nothing but its status."""

PASSING = frozenset({408, 425, 429})
"""Answers besides 5xx after which a target may be asked again later."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotDelivered(Exception):
    """The target did not take an event; the text says why."""


class Away(NotDelivered):
    """The target takes no event at the moment."""


class Target(Protocol):
    """Takes events, one at a time, in a thread of its own."""

    @property
    def pid(self) -> int | None:
        """The process that it has started, if it has."""

    def send(self, notice: Notice) -> None:
        """Deliver an event; it is taken when this returns. Raises NotDelivered."""

    def close(self) -> None:
        """Let go of what it holds; from any thread."""


class TextFile:
    """Appends to a file, each event by one write. `folder`: what the file must lie in."""

    pid = None

    def __init__(self, settings: HandlerSettings, folder: Path) -> None:
        self._form = settings.form
        self._folder = folder
        self._path = folder / settings.file_path

    def send(self, notice: Notice) -> None:
        """Append it and a line end, durably."""
        text = notice.rendered(self._form)[1].rstrip(b"\n") + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            inside = Path(os.path.realpath(self._path.parent))
            if not inside.is_relative_to(os.path.realpath(self._folder)):
                raise Away(f"{self._path} leads out of {self._folder} ([Paths] EventDirectory)")
            descriptor = os.open(self._path, _FLAGS, 0o640)
        except OSError as error:
            raise Away(f"{self._path} cannot be opened: {error.strerror}") from error
        try:
            _append(descriptor, text)
        except OSError as error:
            raise Away(f"{self._path} cannot be written: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Hold nothing between two events, so let go of nothing."""


def _append(descriptor: int, text: bytes) -> None:
    there = os.fstat(descriptor)
    if not stat.S_ISREG(there.st_mode):
        raise OSError(0, "it is no ordinary file")
    if there.st_size and os.pread(descriptor, 1, there.st_size - 1) != b"\n":
        text = b"\n" + text  # behind what a full disk has cut off
    if os.write(descriptor, text) < len(text):
        raise OSError(0, "the disk took a part of it only")
    os.fdatasync(descriptor)


class Http:
    """Posts events. No redirect is followed, and no proxy of the environment is used."""

    pid = None

    def __init__(self, settings: HandlerSettings) -> None:
        self._settings = settings
        self._client: httpx2.Client | None = None

    def send(self, notice: Notice) -> None:
        """Post it; 2xx is what takes it."""
        media_type, body = notice.rendered(self._settings.form)
        headers = {
            "Content-Type": media_type,
            "Event-ID": notice.event_id,
            "Event-Type": notice.event,
        }
        deadline = time.monotonic() + self._settings.timeout_seconds
        try:
            client = self._client = self._client or self._connected()
            url = self._settings.url
            with client.stream("POST", url, content=body, headers=headers) as response:
                status = response.status_code
                read = 0
                for piece in response.iter_raw():
                    read += len(piece)
                    if read > MOST_READ or time.monotonic() > deadline:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Away(f"{type(error).__name__}: {error}") from error
        if 200 <= status < 300:
            return
        said = f"it answered with the HTTP status {status}"
        raise Away(said) if status >= 500 or status in PASSING else NotDelivered(said)

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> httpx2.Client:
        given = self._settings
        authority = given.ssl_ca_certificate
        verify = ssl.create_default_context(cafile=str(authority)) if authority else True
        password = given.password.get_secret_value() if given.password else ""
        return httpx2.Client(
            auth=(given.user_name, password) if given.user_name else None,
            verify=verify,
            timeout=given.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": f"webex-connector/{connector.__version__}"},
        )
