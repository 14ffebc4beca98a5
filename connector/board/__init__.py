"""What the processes of one host count, in memory that they share; nothing is kept on a disk.

The supervisor makes the board and hands its descriptor on. Each process counts at a place of its
own, and its successor goes on there, so no figure goes down when a process dies. Where there is no
board, counting does nothing. Who counts names a metric of `connector.board.metrics`.
"""

import logging
import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache

from connector.board.memory import Board, Key, Place
from connector.board.metrics import Metric

_of_process: list[tuple[Board, Place]] = []


def attach(board: Board, place: str, write: Callable[[logging.LogRecord], str]) -> None:
    """Have this process count at a place of the board, and show its log lines there.

    `write` makes a line of a record. Raises KeyError for a place the board does not have.
    """
    _of_process[:] = [(board, board.place(place))]
    logging.getLogger().addHandler(_Shown(write))
    if place != SLOTS:  # of these there are several
        put(Metric.PROCESS_PID, os.getpid(), place)
        put(Metric.PROCESS_STARTED, time.time(), place)


def detach() -> None:
    """Count no more, and show no log lines."""
    _of_process.clear()
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Shown)]


def attached() -> Board | None:
    """Return the board this process counts on, if there is one."""
    return _of_process[0][0] if _of_process else None


def count(metric: Metric, *labels: str, by: float = 1.0) -> None:
    """Add to a counter. `labels`: values in the order of the metric's names of labels."""
    if _of_process:
        _of_process[0][1].add([((metric.value.name, *labels), by)])


def put(metric: Metric, value: float, *labels: str) -> None:
    """Set a gauge."""
    if _of_process:
        _of_process[0][1].put((metric.value.name, *labels), value)


def observe(metric: Metric, values: float | Collection[float], *labels: str) -> None:
    """Add a value, or several, to a histogram, in the metric's unit."""
    if not _of_process:
        return
    buckets, (keys, total) = metric.value.buckets, _keys(metric, labels)
    add = _of_process[0][1].add
    if isinstance(values, int | float):
        add([(keys[bisect_left(buckets, values)], 1), (total, values)])
        return
    found = Counter([bisect_left(buckets, value) for value in values])
    if found:
        add([*((keys[index], number) for index, number in found.items()), (total, sum(values))])


@cache
def _keys(metric: Metric, labels: tuple[str, ...]) -> tuple[Sequence[Key], Key]:
    """Return the figures of a histogram: one for each bucket, and their sum."""
    meaning = metric.value
    bounds = [*(f"{bound:g}" for bound in meaning.buckets), "+Inf"]
    keys = [(meaning.name, *labels, bound) for bound in bounds]
    return keys, (meaning.name, *labels, "sum")


SLOTS = "slots"
"""The place that all slots of a host share."""


class _Shown(logging.Handler):
    """Shows log lines on the board of this process."""

    def __init__(self, write: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        if _of_process:
            _of_process[0][1].show(record.created, self._write(record))
