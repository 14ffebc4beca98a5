"""Downloads: the name of a file, and a body that goes on after a broken connection."""

import hashlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from connector.webex.errors import BadReply
from connector.webex.models import FileInfo

UNNAMED = "file"
"""The name of a file that Webex gives none."""

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_CHARSETS = ("utf-8", "iso-8859-1")


def file_info(headers: Mapping[str, str]) -> FileInfo:
    """What the headers say. `size` is None for a body that is sent packed or of unknown length."""
    packed = headers.get("content-encoding", "identity").strip().lower() != "identity"
    length = headers.get("content-length", "").strip()
    known = length.isascii() and length.isdigit() and not packed
    return FileInfo(
        name=file_name(headers.get("content-disposition", "")),
        content_type=headers.get("content-type", "application/octet-stream"),
        size=int(length) if known else None,
    )


def file_name(disposition: str) -> str:
    """The name in a Content-Disposition header (RFC 6266).

    `filename*` (RFC 8187) goes before `filename`. Without folders and control characters, so that
    it names a file and nothing else.
    """
    found: dict[str, str] = {}
    for key, value in _PARAMETER.findall(f";{disposition}"):
        found.setdefault(key.lower(), value.strip())
    name = _extended(found.get("filename*", "")) or _plain(found.get("filename", ""))
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(c for c in name if c.isprintable()).strip()
    return UNNAMED if name in ("", ".", "..") else name


def _extended(value: str) -> str:
    charset, _, rest = value.strip('"').partition("'")
    _, quote, encoded = rest.partition("'")
    if not quote or charset.lower() not in _CHARSETS:
        return ""
    try:
        return unquote(encoded, charset, errors="strict")
    except UnicodeDecodeError:
        return ""


def _plain(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1] if value.endswith('"') else value[1:])
    return value


class Delivery:
    """Hands a body on, each byte once, though it may be sent several times from its start.

    A body sent again is compared with what was handed on already; BadReply if it differs.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._sum = hashlib.blake2b()
        self.delivered = 0
        self.restart()

    def restart(self) -> None:
        """The next chunk is the first of the body again."""
        self._again = hashlib.blake2b()
        self._position = 0

    def take(self, chunk: bytes) -> None:
        """Compare what is known of `chunk`, hand on the rest."""
        known = min(len(chunk), self.delivered - self._position)
        self._position += len(chunk)
        if known:
            self._again.update(chunk[:known])
            if self._position >= self.delivered and self._again.digest() != self._sum.digest():
                raise BadReply("Webex sent another content when a file was asked for again")
            chunk = chunk[known:]
        if chunk:
            self._write(chunk)
            self._sum.update(chunk)
            self.delivered += len(chunk)

    def finish(self, size: int | None) -> None:
        """The body has ended. Raises BadReply if it is shorter or longer than it should be."""
        expected = self.delivered if size is None else size
        if self._position < self.delivered or self.delivered != expected:
            raise BadReply(
                f"Webex sent {self._position} bytes of a file that has "
                f"{max(expected, self.delivered)}"
            )
