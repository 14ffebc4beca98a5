"""The half that knows the grammar: hypothesis makes conversations, and makes finds smaller."""

import time
from collections.abc import Callable

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.finds import Finds, kind
from tests.fuzz.requests import SENT, a_conversation
from tests.fuzz.sockets import line
from tests.fuzz.trial import trial

ROUND = 150
"""Conversations of one round; what a round has found is known in the next."""

GROWTH = 300 << 20
"""Bytes by which the process may grow after its first round."""

Tell = Callable[[int, int], None]
"""Hears of the requests and the finds so far."""


class Wrong(Exception):
    """Something that was not known was found."""


def search(finds: Finds, seconds: float, first: int, tell: Tell) -> int:
    """Talk to a real server for so long; return how many requests it has answered."""
    end, round_, before = time.monotonic() + seconds, 0, 0
    with trial() as made, line() as server:
        found: dict[bytes, list[str]] = {}

        def judge(data: bytes) -> None:
            if time.monotonic() > end:
                return
            wrong = made.judge(data, server.converse)
            tell(made.requests, finds.number)
            new = [each for each in wrong if not finds.knows(each)]
            if new:
                found.clear()
                found[data] = new
                raise Wrong(sorted({kind(each) for each in new}))

        while time.monotonic() < end:
            made.secrets = (SENT,)
            once = settings(
                max_examples=ROUND,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )(given(a_conversation())(judge))
            try:
                seed(first + round_)(once)()
            except (Wrong, ExceptionGroup):
                for data, wrong in found.items():
                    finds.note(wrong, data)
            round_ += 1
            now = psutil.Process().memory_info().rss
            before = before or now
            if now - before > GROWTH:
                finds.note([f"the process has grown by {(now - before) >> 20} MiB"], b"")
        return made.requests
