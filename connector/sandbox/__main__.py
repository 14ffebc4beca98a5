"""``python -m connector.sandbox``: the sandbox as a process of its own."""

import argparse
import ctypes
import os
import signal
import sys
from datetime import datetime, timedelta

from connector.sandbox.server import Options, serve

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str] | None = None) -> None:
    """Serves as the command line says, printing the base address as the only line."""
    chosen = vars(_parser().parse_args(arguments))
    parent = chosen.pop("die_with_parent")
    if parent is not None:
        _die_with(parent)
    days = chosen.pop("span_days")
    try:
        serve(
            Options(**chosen, span=timedelta(days=days)),
            lambda base_url: print(base_url, flush=True),
        )
    except (OSError, ValueError) as error:
        sys.exit(f"The sandbox cannot start: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m connector.sandbox", description="A stand-in for the Webex API."
    )
    default = Options()
    add = parser.add_argument
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add("--port", type=int, default=default.port, help="0: any free one (%(default)s)")
    add("--seed", type=int, default=default.seed, help="same seed, same content (%(default)s)")
    add("--rooms", type=int, default=default.rooms, help="(%(default)s)")
    add("--messages", type=int, default=default.messages, help="of all rooms (%(default)s)")
    add("--files", type=int, default=default.files, help="every n-th message has one (%(default)s)")
    add("--file-size", type=int, default=default.file_size, help="in bytes (%(default)s)")
    add("--now", type=_date, default=default.now, help="date of the newest message (%(default)s)")
    add("--span-days", type=float, default=default.span.days, help="that far back (%(default)s)")
    add("--messages-limit", type=int, default=default.messages_limit, help="(%(default)s)")
    add("--rooms-limit", type=int, default=default.rooms_limit, help="(%(default)s)")
    add("--throttle-every", type=int, default=default.throttle_every, help="(%(default)s)")
    add("--retry-after", type=int, default=default.retry_after, help="in seconds (%(default)s)")
    add("--scan-files", action="store_true", help="a file's first request gets 423")
    add("--token", default=default.token, help="the token that is accepted (%(default)s)")
    add(
        "--die-with-parent",
        type=int,
        nargs="?",
        const=os.getppid(),
        metavar="PID",
        help="end when the process that started this one (PID) has ended",
    )
    return parser


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _die_with(parent: int) -> None:
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit("The sandbox cannot start: this system knows no death signal of parents")
    if os.getppid() != parent:  # it died before that took effect
        sys.exit(0)


if __name__ == "__main__":
    main()
