"""Downloading the files of a page, several at once, each streamed into the target."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from connector.actions.fetch.comparison import Attached
from connector.ingest.target import Sink, Target
from connector.webex.client import WebexClient
from connector.webex.errors import Unauthorised, Unavailable, WebexError
from connector.webex.models import FileInfo

LARGEST_TEXT = 1 << 20
"""Bytes up to which a text file's content also stands in its document."""

TEXT_TYPES = ("text/", "application/json", "application/xml")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was downloaded, left out for its size, or not to be had."""

    name: str = ""
    content_type: str = ""
    size: int | None = None
    sha256: str | None = None
    place: str | None = None
    """Where the target keeps it."""
    text: str = ""
    left_out: str | None = None
    """Why it was not downloaded, if that was on purpose."""
    error: str | None = None
    """Why it could not be had."""
    passing: bool = False
    """Whether another try may succeed."""


class Downloads:
    """Downloads files of one task. `max_size` in bytes, 0 for no limit."""

    def __init__(
        self, client: WebexClient, target: Target, pool: ThreadPoolExecutor, max_size: int
    ) -> None:
        self._client = client
        self._target = target
        self._pool = pool
        self._max_size = max_size

    def get(self, files: Sequence[Attached]) -> list[Downloaded]:
        """Download files, at once as many as the pool has threads; results in the same order.

        Raises TargetUnusable, Unauthorised, and Unavailable if Webex cannot be reached at all.
        """
        return list(self._pool.map(self._get, files))

    def _get(self, file: Attached) -> Downloaded:
        try:
            with ExitStack() as stack:
                transfer = _Transfer(self._target, file.reference, self._max_size, stack)
                self._client.download(file.url, transfer.write, opened=transfer.open)
            return transfer.result()
        except _TooLarge:
            return transfer.too_large()
        except Unauthorised:
            raise
        except Unavailable as error:
            # Without a status nobody answered at all; with one it is this file's own trouble.
            if error.status is None:
                raise
            return Downloaded(error=str(error), passing=True)
        except WebexError as error:
            return Downloaded(error=str(error))


class _TooLarge(Exception):
    """More bytes have come than are wanted."""


class _Transfer:
    def __init__(self, target: Target, reference: str, max_size: int, stack: ExitStack) -> None:
        self._target = target
        self._reference = reference
        self._max_size = max_size
        self._stack = stack
        self._sink: Sink | None = None
        self._info = FileInfo("", "", None)
        self._size = 0
        self._digest = hashlib.sha256()
        self._text = bytearray()

    def open(self, info: FileInfo) -> bool:
        self._info = info
        if self._max_size and (info.size or 0) > self._max_size:
            return False
        self._sink = self._stack.enter_context(self._target.sink(self._reference, info.name))
        return True

    def write(self, data: bytes) -> None:
        assert self._sink is not None, "nothing is written before the file is opened"
        self._size += len(data)
        if self._max_size and self._size > self._max_size:
            raise _TooLarge
        self._digest.update(data)
        if len(self._text) <= LARGEST_TEXT and self._info.content_type.startswith(TEXT_TYPES):
            self._text += data
        self._sink.write(data)

    def result(self) -> Downloaded:
        if self._sink is None:
            return self.too_large()
        return Downloaded(
            self._info.name,
            self._info.content_type,
            self._size,
            self._digest.hexdigest(),
            self._sink.place,
            _decoded(self._text),
        )

    def too_large(self) -> Downloaded:
        return Downloaded(
            self._info.name,
            self._info.content_type,
            self._info.size,
            left_out=f"larger than {self._max_size} bytes (MaxFileSize)",
        )


def _decoded(data: bytearray) -> str:
    if len(data) > LARGEST_TEXT:
        return ""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
