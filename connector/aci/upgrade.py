"""A client may offer to go on in another protocol; the request itself is answered as it is.

Java's own HTTP client does so with each first request, as it would rather speak HTTP/2. HTTP lets a
server ignore the offer (RFC 9110, 7.8), but the parser takes it for accepted: it reads no body and
nothing after it. So such a request is parsed again without the offer.
"""

from array import array
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = {b"upgrade", b"http2-settings"}


class _Parser(httptools.HttpRequestParser):
    """The parser, which hands what it left unread to the protocol."""

    def __init__(self, protocol: "NoUpgrade") -> None:
        super().__init__(protocol)
        self._protocol = protocol
        # As uvicorn sets its own: what comes after a last request is ignored.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: "bytes | bytearray | memoryview[int] | array[int]") -> None:
        """Parse some bytes."""
        # Not by recursion: a client may send any number of such requests at once.
        parser: httptools.HttpRequestParser = self
        rest = memoryview(data)
        while True:
            try:
                httptools.HttpRequestParser.feed_data(parser, rest)
                return
            except httptools.HttpParserUpgrade as offered:
                if not self._protocol.offered:
                    raise
                rest = rest[offered.args[0] :]
                parser = self._protocol.parse_again()


class NoUpgrade(HttpToolsProtocol):
    """uvicorn's protocol, in which a request that offers an upgrade keeps its body."""

    offered = False
    """Whether the request just parsed offers an upgrade."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.parser = _Parser(self)

    def on_headers_complete(self) -> None:
        """Pass the request on, unless it is to be parsed again."""
        # A CONNECT counts as an upgrade by its name; there is no offer to take out of it.
        self.offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self.offered:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the body is whole, unless it has not been read."""
        if not self.offered:
            super().on_message_complete()

    def parse_again(self) -> httptools.HttpRequestParser:
        """Parse the same head without the offer; return the parser for what came after it."""
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/1.1"]
        for name, value in self.headers:
            if name == b"connection":
                kept = [x for x in value.split(b",") if x.strip().lower() not in _OFFER]
                value = b",".join(kept)
            if name not in _OFFER:
                lines.append(name + b": " + value)
        self.parser = _Parser(self)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))
        return self.parser
