"""HTTP answers read from bytes, strictly: what a careful client would not understand is Malformed.

Source: RFC 9112. Nothing of the server's own code is used here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]*")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff]*)")
_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")

CONTINUE = 100


class Malformed(Exception):
    """This is no answer that a client can read."""


@dataclass(frozen=True)
class Answer:
    """One answer. `whole`: whether nothing of it is missing."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    whole: bool

    @property
    def is_to_nothing(self) -> bool:
        """Whether it says that what came is no request, or none that can be read."""
        return _is_to_nothing(self.status, self.headers)


def read(wire: bytes, methods: Sequence[str]) -> list[Answer]:
    """Return all answers on a connection; `methods`: those of the requests, in order.

    The last one may be cut off. Raises Malformed.
    """
    found: list[Answer] = []
    while wire:
        head, end, rest = wire.partition(b"\r\n\r\n")
        if not end:
            raise Malformed(f"the head of an answer has no end: {head[:100]!r}")
        status, headers = _head(head)
        if status == CONTINUE:
            wire = rest
            continue
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        body, wire, whole = _body(status, headers, rest, method)
        found.append(Answer(status, headers, body, whole))
        if not whole and wire:
            raise Malformed("something follows an answer without an end")
    return found


def _head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    line, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(line)
    if not status:
        raise Malformed(f"{line[:100]!r} is no status line")
    headers: dict[bytes, bytes] = {}
    for each in lines:
        header = _HEADER.fullmatch(each)
        if not header:
            raise Malformed(f"{each[:100]!r} is no header")
        name = header[1].lower()
        if name in headers and name in (b"content-length", b"transfer-encoding", b"content-type"):
            raise Malformed(f"{name.decode()} is there twice")
        headers[name] = header[2].strip()
    return int(status[1]), headers


def _body(
    status: int, headers: dict[bytes, bytes], rest: bytes, method: str
) -> tuple[bytes, bytes, bool]:
    """Return the body, what follows it, and whether it is whole."""
    # What is no request is answered before it is known what it would have been.
    if (method == "HEAD" and not _is_to_nothing(status, headers)) or status == 204:
        return b"", rest, True
    if headers.get(b"transfer-encoding") == b"chunked":
        if b"content-length" in headers:
            raise Malformed("both Content-Length and chunks")
        return _chunks(rest)
    if (length := headers.get(b"content-length")) is None or not length.isdigit():
        raise Malformed(f"Content-Length is {length!r}")
    size = int(length)
    return rest[:size], rest[size:], len(rest) >= size


def _is_to_nothing(status: int, headers: dict[bytes, bytes]) -> bool:
    return status == 400 and headers.get(b"connection") == b"close"


def _chunks(rest: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, end, after = rest.partition(b"\r\n")
        if not end:
            return body, b"", False
        if not _SIZE.fullmatch(line):
            raise Malformed(f"{line[:100]!r} is no size of a chunk")
        size = int(line, 16)
        if len(after) < size + 2:
            return body + after[:size], b"", False
        if after[size : size + 2] != b"\r\n":
            raise Malformed("a chunk is longer than it says")
        body, rest = body + after[:size], after[size + 2 :]
        if not size:
            return body, rest, True
