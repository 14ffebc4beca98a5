"""Answers leave by one call, and in time."""

import socket
import threading

from starlette.types import Receive, Scope, Send

from connector.aci.protocol import Bounds, bounded
from connector.aci.refusals import Refusals
from tests.aci.serving import DEADLINE, running


def test_a_client_that_says_no_more_is_sent_what_was_written_before_that_was_known() -> None:
    begun, said_all = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        said_all.wait(DEADLINE)  # the loop stands still, and learns of it thereafter
        length = (b"content-length", b"4")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"told"})

    with running(app, bounded(Bounds(), Refusals())) as port:
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert begun.wait(DEADLINE)
            connection.shutdown(socket.SHUT_WR)
            said_all.set()
            with connection.makefile("rb") as answer:
                assert answer.read().endswith(b"told")
