"""The action that is measured: it does nothing, or tells when it has begun."""

import os
import socket
import time
from typing import ClassVar

from connector.actions.action import Context, Finished, Outcome, Parameter

_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
_counted = 0


class Bench:
    """Does nothing (`noop`), takes time (`sleep`), tells that it has begun (`lat`), or has no end.

    One that tells may take time too.
    """

    name: ClassVar[str] = "Bench"
    help: ClassVar[str] = "Is measured."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Kind", "What to do.", kind="choice", choices=("noop", "sleep", "lat", "hang")),
        Parameter("Port", "Where it tells of itself: a UDP port of this host.", kind="integer"),
        Parameter("Number", "Its number.", kind="integer", default=0),
        Parameter("Milliseconds", "How long it takes.", kind="integer", default=0),
    )
    pausable: ClassVar[bool] = False

    def run(self, context: Context) -> Outcome:
        """Do it."""
        given = context.parameters
        match given["Kind"]:
            case "noop":
                _count()
            case "sleep":
                time.sleep(given["Milliseconds"] / 1000)
                _count()
            case "lat":
                _tell(given["Port"], f"l {given['Number']} {time.monotonic_ns()}")
                if milliseconds := given.get("Milliseconds"):
                    time.sleep(milliseconds / 1000)
            case "hang":
                _tell(given["Port"], f"h {os.getpid()} {time.monotonic_ns()}")
                time.sleep(600)
        return Finished()


def _count() -> None:
    """Tell of the first, and of every hundredth."""
    global _counted
    _counted += 1
    if (port := os.environ.get("BENCH_UDP")) and (_counted == 1 or _counted % 100 == 0):
        _tell(int(port), f"n {os.getpid()} {_counted} {time.monotonic_ns()}")


def _tell(port: int, text: str) -> None:
    _socket.sendto(text.encode(), ("127.0.0.1", port))
