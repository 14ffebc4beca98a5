"""An HTTP server on loopback that notes what is posted to it, and answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Request = tuple[str, dict[str, str], bytes]
"""Path, headers with small names, body."""


class Listener:
    """`answers`: HTTP statuses of the next requests; 200 when there are no more."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[int] = []
        self.answering = threading.Event()
        """Set while it answers; cleared it hangs."""
        self.answering.set()
        self.open = True
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.requests.append((self.path, headers, body))
                listener.answering.wait()
                if not listener.open:
                    self.close_connection = True
                    return
                self.send_response(listener.answers.pop(0) if listener.answers else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.open = False
        self.answering.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
