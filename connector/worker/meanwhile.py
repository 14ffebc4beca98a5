"""A statement in a thread of its own, while the worker's loop goes on hearing its slots.

What a slot says waits in a socket that holds some hundred ends; then the slot waits as well.
"""

import concurrent.futures
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 0.002
"""Seconds between two times that the slots are heard."""


class Meanwhile:
    """One thread. `hear` is called now and then by who waits for it."""

    def __init__(self, name: str, hear: Callable[[], None] = lambda: None) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(1, name)
        self._hear = hear

    def start(
        self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[T]:
        """Have the thread do something."""
        return self._thread.submit(work, *args, **kwargs)

    def wait(self, doing: concurrent.futures.Future[T]) -> None:
        """Hear the slots until it is done, however that ends."""
        while not concurrent.futures.wait([doing], SECONDS).done:
            self._hear()
