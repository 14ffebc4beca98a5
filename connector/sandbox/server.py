"""The sandbox as a server."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from connector.sandbox.api import Api
from connector.sandbox.content import Content
from connector.sandbox.controls import Controls
from connector.sandbox.gate import Gate
from connector.sandbox.options import Options
from connector.sandbox.replies import ApiError
from connector.sandbox.world import World

__all__ = ["Options", "application", "serve"]


def application(options: Options, base_url: str) -> Starlette:
    """The sandbox as an ASGI application; ``base_url`` is where clients find its ``/v1``."""
    world = World(Content(options, base_url))
    gate = Gate(options)

    async def unrouted(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return gate.refuse(ApiError(status))

    return Starlette(
        routes=[
            Mount("/v1", routes=Api(options, world, gate, base_url).routes()),
            Mount("/sandbox", routes=Controls(world, gate).routes()),
        ],
        exception_handlers={HTTPException: unrouted},
    )


def serve(options: Options, listening: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT; to be called in the main thread.

    ``listening`` is called with the base address, ``http://127.0.0.1:PORT/v1``, once requests are
    accepted. Raises OSError if the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((options.host, options.port))
        host = f"[{options.host}]" if family == socket.AF_INET6 else options.host
        base_url = f"http://{host}:{bound.getsockname()[1]}/v1"
        config = uvicorn.Config(
            application(options, base_url),
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        _Server(config, lambda: listening(base_url)).run(sockets=[bound])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would wait for open connections and then raise the signal anew: here nothing is
        # worth waiting for, and being told to end is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        yield

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = self.force_exit = True
