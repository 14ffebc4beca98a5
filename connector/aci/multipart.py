"""The parts of a multipart/form-data body (RFC 7578)."""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from connector.aci.decoding import plain
from connector.aci.errors import BadRequest, Code


@dataclass(frozen=True)
class Part:
    """One part: its name, file name and media type as sent (None where absent), its bytes."""

    name: str
    filename: str | None
    content_type: str | None
    content: bytes = field(repr=False)

    @property
    def is_text(self) -> bool:
        """Whether this is a parameter's value rather than a file.

        The official Java client sends streams without a file name but as
        application/octet-stream, Python's requests files with a name but without a type.
        """
        if self.filename is not None:
            return False
        media_type = (self.content_type or "text/plain").partition(";")[0]
        return media_type.strip().lower() == "text/plain"


def is_multipart(content_type: str | None) -> bool:
    """Whether a body of this type consists of parts."""
    return content_type is not None and content_type.lstrip().lower().startswith("multipart/")


def parts(content_type: str, body: bytes, most: int) -> list[Part]:
    """The parts of `body`, at most `most`, in order.

    Raises:
        BadRequest: no boundary, broken framing, a part without a name, more than `most` parts.
    """
    collector = _Collector(most)
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise BadRequest("A multipart body needs a boundary in the Content-Type header.")
        collector.feed(boundary, body)
    except (FormParserError, UnicodeError) as error:
        raise BadRequest(f"The multipart body is broken: {error}.") from None
    if not collector.complete:
        raise BadRequest("The multipart body is cut off: its closing boundary is missing.")
    return collector.parts


class _Collector:
    """Receives what the parser finds, one part after the other."""

    def __init__(self, most: int) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._most = most
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._content: list[bytes] = []

    def feed(self, boundary: bytes, body: bytes) -> None:
        MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        ).write(body)

    def _part_begin(self) -> None:
        if len(self.parts) >= self._most:
            raise BadRequest(f"More than {self._most} parts; send fewer.", code=Code.TOO_LARGE)
        self._headers = {}
        self._content = []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value.strip()
        self._field = self._value = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _part_end(self) -> None:
        self.parts.append(_part(self._headers, b"".join(self._content)))

    def _end(self) -> None:
        self.complete = True


def _part(headers: dict[bytes, bytes], content: bytes) -> Part:
    disposition, options = parse_options_header(headers.get(b"content-disposition"))
    if disposition != b"form-data" or not options.get(b"name"):
        raise BadRequest(
            "A part of the multipart body has no name; each needs the header "
            'Content-Disposition: form-data; name="…".'
        )
    name = plain(options[b"name"])
    encoding = headers.get(b"content-transfer-encoding", b"binary").lower()
    if encoding not in (b"7bit", b"8bit", b"binary"):
        raise BadRequest("Send this part as it is, without Content-Transfer-Encoding.", name)
    filename = options.get(b"filename")
    content_type = headers.get(b"content-type")
    return Part(
        name,
        None if filename is None else plain(filename, name),
        None if content_type is None else content_type.decode("latin-1"),
        content,
    )
