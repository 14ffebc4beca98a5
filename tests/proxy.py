"""A wire to a server that can be cut or frozen, to see what its clients do then."""

import contextlib
import select
import socket
import threading
from typing import Self


class Proxy:
    """Passes bytes between its clients and 127.0.0.1:PORT until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._bell, self._ring = socket.socketpair()
        self._mode = "open"
        self._noted = threading.Event()
        self._cut_at: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._set("end")
        self._thread.join(5)
        for end in (*self._pairs, self._listener, self._bell, self._ring):
            end.close()

    def open(self) -> None:
        """Pass everything on."""
        self._set("open")

    def cut(self) -> None:
        """Close what is open, and every new connection at once."""
        self._set("cut")

    def freeze(self) -> None:
        """Keep connections and pass nothing on."""
        self._set("frozen")

    def cut_after(self, *texts: bytes) -> None:
        """Pass on what holds these texts, one after another; cut before the last is answered."""
        self._cut_at = list(texts)

    def _set(self, mode: str) -> None:
        self._noted.clear()
        self._mode = mode
        self._ring.send(b"\0")
        assert mode == "end" or self._noted.wait(10), "the proxy does not answer"

    def _run(self) -> None:
        while self._mode != "end":
            watched = [self._bell, self._listener]
            if self._mode == "open":
                watched += self._pairs
            ready, _, _ = select.select(watched, [], [])
            if self._bell in ready:
                self._bell.recv(100)
                if self._mode == "cut":
                    self._drop_all()
                self._noted.set()
                continue
            for end in ready:
                if end is self._listener:
                    self._accept()
                elif end in self._pairs:
                    self._pass_on(end)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._mode == "cut":
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        self._pairs |= {client: server, server: client}

    def _pass_on(self, end: socket.socket) -> None:
        try:
            data = end.recv(1 << 16)
            if not data:
                raise ConnectionError
            self._pairs[end].sendall(data)
        except OSError:
            self._drop(end)
            return
        if self._cut_at and self._cut_at[0] in data:
            self._cut_at.pop(0)
            if not self._cut_at:
                self._mode = "cut"
                self._drop_all()

    def _drop_all(self) -> None:
        for end in list(self._pairs):
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        for one in (end, self._pairs.get(end)):
            if one is not None:
                self._pairs.pop(one, None)
                with contextlib.suppress(OSError):
                    one.close()
