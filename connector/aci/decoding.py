"""Bytes of a target or a body as text: separators, percent-escapes, UTF-8."""

import re
from binascii import a2b_qp
from collections.abc import Iterator

from connector.aci.errors import BadRequest, shown

_TARGET_PAIR = re.compile(rb"[^&]+")
_BODY_PAIR = re.compile(rb"[^&\r\n]+")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


def target_pairs(data: bytes, *, plus_is_space: bool) -> Iterator[tuple[str, str]]:
    """The pairs of a request target; `&` separates, empty ones are left out.

    Raises:
        BadRequest: a broken escape, invalid UTF-8, a NUL.
    """
    return _pairs(_TARGET_PAIR, data, plus_is_space)


def body_pairs(data: bytes) -> Iterator[tuple[str, str]]:
    """The pairs of a body, `+` for space; `&`, CR, LF and CRLF separate, empty ones are left out.

    The ACI programming guide has one pair a line, ended by CR or CRLF; clients of today send `&`.

    Raises:
        BadRequest: as `target_pairs`.
    """
    return _pairs(_BODY_PAIR, data, True)


def plain(raw: bytes, parameter: str | None = None) -> str:
    """`raw` as text that a database can hold; `parameter` is for the message.

    Raises:
        BadRequest: invalid UTF-8, or a NUL.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"The request is not UTF-8: byte 0x{raw[error.start]:02X} cannot stand there. "
            "Encode text as UTF-8 before escaping it.",
            parameter,
        ) from None
    if "\0" in text:
        raise BadRequest("The request holds a NUL character (%00); leave it out.", parameter)
    return text


def _pairs(pair: re.Pattern[bytes], data: bytes, plus_is_space: bool) -> Iterator[tuple[str, str]]:
    # One at a time, so that the caller's limit ends a body of millions before they are made.
    for match in pair.finditer(data):
        # Only the first "=": tokens and base64 are sent with theirs unescaped.
        raw_name, _, raw_value = match[0].partition(b"=")
        name = _unescape(raw_name, plus_is_space)
        yield name, _unescape(raw_value, plus_is_space, name)


def _unescape(raw: bytes, plus_is_space: bool, parameter: str | None = None) -> str:
    if raw.isalnum():  # ASCII, that is, so there is nothing to do
        return raw.decode("ascii")
    if plus_is_space:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if broken := _BROKEN_ESCAPE.search(raw):
            raise BadRequest(
                f"{shown(broken[0].decode('latin-1'))} is no percent-escape; "
                "send a % itself as %25.",
                parameter,
            )
        # With = for % this is quoted-printable, for which the standard library has a decoder in C:
        # urllib's takes 6 s and a list of millions for a body of 16 MiB made of escapes.
        raw = a2b_qp(raw.replace(b"=", b"=3D").replace(b"%", b"="))
    return plain(raw, parameter)
