"""One ACI request, read from the raw parts of an HTTP request.

Rules of the ACI programming guide, and where it is silent what official clients send:

- Parameters stand in the path (`/action=X&p=v`), the query (`/?action=X&p=v`), the body, or in
  target and body together. `a` is another name for `action`. Names match in any case.
- The body is read as parameters whatever its type says, unless it is multipart: the official Java
  client posts forms as text/plain.
- The first action counts, so the target's before the body's. Of any other repeated name the last
  value counts, so the body's before the target's.
- `+` is a space in a query and a body, but itself in a path and in a multipart part: clients paste
  base64 into paths unescaped.
- A `?` in a path belongs to the value it stands in, since a value ends at `&` only; but directly
  after the action's name, which cannot hold one, it begins a query.
- A pair without `=` has the empty value.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from connector.aci.decoding import body_pairs, plain, target_pairs
from connector.aci.errors import BadRequest, Code, shown
from connector.aci.multipart import Part, is_multipart, parts
from connector.aci.parameters import Parameters

METHODS = ("GET", "HEAD", "POST")
"""The HTTP methods that carry an action."""

_ACTION = ("action", "a")
_FORM = "responseformat"

_TOLD_ACTION = re.compile(rb"(?:^|&)(?:a|action)=[^&]+", re.IGNORECASE)
_TOLD_FORM = re.compile(rb"(?:^|&)responseformat=[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """The most a request may hold: target and body in bytes, parameters and files by number."""

    target: int = 64 * 1024
    body: int = 16 * 1024 * 1024
    parameters: int = 1000


@dataclass(frozen=True)
class Request:
    """An ACI request: the action as sent, its parameters without the action, its files."""

    action: str
    parameters: Parameters
    files: tuple[Part, ...] = ()


def parse(
    method: str,
    raw_path: bytes,
    query: bytes,
    content_type: str | None,
    body: bytes,
    limits: Limits,
) -> Request:
    """The request in these parts of an HTTP request.

    `raw_path` is the path before any decoding, `query` what follows its `?`, `content_type` the
    header's value, `body` the whole body without transfer coding. What clients
    send takes some 10 µs, but a hostile multipart body of 16 MiB takes seconds: keep large bodies
    off an event loop.

    Raises:
        BadRequest: the request is malformed, too large or has no action. Never anything else,
            whatever the bytes.
    """
    pairs: list[tuple[str, str]] = []
    files: list[Part] = []
    try:
        _check_size(method, raw_path, query, body, limits)
        target = _target(raw_path, query)
        for item in chain(target, _body(content_type, body, limits)) if body else target:
            if len(pairs) + len(files) >= limits.parameters:
                raise BadRequest(
                    f"More than {limits.parameters} parameters; send fewer.", code=Code.TOO_LARGE
                )
            if isinstance(item, Part):
                files.append(item)
            else:
                pairs.append(item)
        action = _action(pairs)
        if not action:
            raise BadRequest(
                "The request names no action; send for example /action=GetStatus.",
                "Action",
                Code.PARAM_MISSING,
            )
    except BadRequest as error:
        tell(error, raw_path, query, pairs)
        raise
    rest = [pair for pair in pairs if pair[0].casefold() not in _ACTION]
    return Request(action, Parameters(rest), tuple(files))


def tell(
    error: BadRequest, raw_path: bytes, query: bytes, decoded: Iterable[tuple[str, str]] = ()
) -> None:
    """Add to an error which action in which format the target names, or else what was `decoded`.

    So whoever sends what cannot be read still gets an answer that he can read.
    """
    path, query = _split(raw_path, query)
    told = [*_told(path, plus_is_space=False), *_told(query, plus_is_space=True), *decoded]
    error.action = _action(told)
    error.form = next((v for name, v in reversed(told) if name.casefold() == _FORM), "")


def _told(target: bytes, *, plus_is_space: bool) -> Iterator[tuple[str, str]]:
    # Two searches, since a target may be made of thousands of pairs.
    for pair in (_TOLD_ACTION.search(target), *deque(_TOLD_FORM.finditer(target), maxlen=1)):
        if pair is not None:
            with suppress(BadRequest):
                yield from target_pairs(pair[0], plus_is_space=plus_is_space)


def _check_size(method: str, raw_path: bytes, query: bytes, body: bytes, limits: Limits) -> None:
    if method not in METHODS:
        raise BadRequest(f"An action is sent by GET or POST, not by {shown(method)}.")
    if len(raw_path) + len(query) > limits.target:
        raise BadRequest(
            f"The request target is over {limits.target} bytes; send parameters in a POST body.",
            code=Code.TOO_LARGE,
        )
    if len(body) > limits.body:
        raise BadRequest(f"The body is over {limits.body} bytes.", code=Code.TOO_LARGE)


def _split(raw_path: bytes, query: bytes) -> tuple[bytes, bytes]:
    """Return what of a target is read as a path, and what as a query."""
    path = raw_path.lstrip(b"/")
    if query and path and not _ends_with_action(path):
        return path + b"?" + query, b""
    return path, query


def _target(raw_path: bytes, query: bytes) -> Iterator[tuple[str, str]]:
    path, query = _split(raw_path, query)
    of_path = target_pairs(path, plus_is_space=False)
    return chain(of_path, target_pairs(query, plus_is_space=True)) if query else of_path


def _ends_with_action(path: bytes) -> bool:
    name = path.rpartition(b"&")[2].partition(b"=")[0]
    return name.decode("latin-1").lower() in _ACTION


def _body(
    content_type: str | None, body: bytes, limits: Limits
) -> Iterator[tuple[str, str] | Part]:
    if content_type is None or not body or not is_multipart(content_type):
        yield from body_pairs(body)
        return
    for part in parts(content_type, body, limits.parameters):
        yield (part.name, plain(part.content, part.name)) if part.is_text else part


def _action(pairs: list[tuple[str, str]]) -> str:
    for name, value in pairs:
        if value and name.casefold() in _ACTION:
            return value
    return ""
