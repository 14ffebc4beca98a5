"""Logging, set up once by each process; libraries that log through the standard library join in.

structlog writes the lines. It is loaded with the first one: a process that has nothing to say is
at work the sooner. Nobody who logs waits for the reader of the log: a worker that stood still
because its log does would lose its lease, and with it all that it runs.
"""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable

from connector.config import LoggingSettings

_QUIET = ("httpx2", "httpcore2", "python_multipart", "uvicorn.error", "alembic")
"""These tell of each request, or of each broken body a client sends: too much for our log."""


FACTS = "facts"
"""Attribute of a record that holds what its line tells besides the event."""

STANDARD_ERROR = 2

LONGEST = 10_000
"""Lines kept for a reader who has stopped reading; what comes after them is counted, and lost."""

LAST = 1.0
"""Seconds that a process which ends waits for its last lines to be read."""

_of_process: dict[str, object] = {}

_hiding: list[Callable[[object], object]] = []
"""What every fact of a line goes through before it is written, at most one."""


class Logger:
    """The logger of one module: each method takes what happened, and facts as keywords."""

    def __init__(self, name: str, **facts: object) -> None:
        self._name = name
        self._facts = facts

    def bind(self, **facts: object) -> "Logger":
        """Return a logger that adds these facts to each of its lines."""
        return Logger(self._name, **{**self._facts, **facts})

    def debug(self, event: str, **facts: object) -> None:
        """Say what only who looks for a fault wants to know."""
        self._say(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Say what went as it should."""
        self._say(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Say what went wrong and is taken care of."""
        self._say(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Say what went wrong."""
        self._say(logging.ERROR, event, facts)

    def exception(self, event: str, **facts: object) -> None:
        """Say what went wrong, with the traceback of the exception that is being handled."""
        self._say(logging.ERROR, event, facts, exc_info=True)

    def _say(
        self, level: int, event: str, facts: dict[str, object], exc_info: bool = False
    ) -> None:
        told = {**self._facts, **facts}
        logging.getLogger(self._name).log(level, event, exc_info=exc_info, extra={FACTS: told})


class _Formatter(logging.Formatter):
    """Formats a record as configured, also one that a library wrote."""

    def __init__(self, settings: LoggingSettings) -> None:
        super().__init__()
        self._settings = settings
        self._formatter: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._formatter is None:
            from connector import log_lines

            form = self._settings.log_format
            self._formatter = log_lines.formatter(form, _of_process, _hiding)
        return self._formatter.format(record)


class _Handler(logging.Handler):
    """Hands finished lines to a thread that writes them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._pid = os.getpid()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if os.getpid() != self._pid:
            _write(line)  # a fork of an action's: the thread was not forked with it
        elif self._lines.qsize() >= LONGEST:
            self._lost += 1
        else:
            if self._lost:
                lost, self._lost = self._lost, 0
                self._hand_over(self.format(_lost(lost)))
            self._hand_over(line)

    def flush(self) -> None:
        """Wait until all lines are written, or nobody reads them."""
        if self._writer is not None and os.getpid() == self._pid:
            written = threading.Event()
            self._lines.put(written)
            written.wait(LAST)

    def _hand_over(self, line: str) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_all, name="log", daemon=True)
            self._writer.start()
        self._lines.put(line)

    def _write_all(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
            else:
                _write(line)


def _write(line: str) -> None:
    # Not through sys.stderr: whoever else writes there would wait for this thread's lock.
    rest = f"{line}\n".encode(errors="backslashreplace")
    with contextlib.suppress(OSError):  # nobody is there to read it
        while rest:
            rest = rest[os.write(STANDARD_ERROR, rest) :]


def _lost(lines: int) -> logging.LogRecord:
    said = "log lines were lost: nobody was reading"
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, None, None)
    setattr(record, FACTS, {"lines": lines})
    return record


def configure(settings: LoggingSettings, process: str) -> None:
    """Send this process's log lines to standard error, in the configured form and level.

    `process` stands in each line: supervisor, http, worker or slot.
    """
    handler = _Handler()
    handler.setFormatter(_Formatter(settings))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(settings.level, logging.WARNING))
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    about(process=process)


def about(**facts: object) -> None:
    """Put facts into every later line of this process, also of its threads; None takes one out."""
    for name, fact in facts.items():
        if fact is not None:
            _of_process[name] = fact
        else:
            _of_process.pop(name, None)


def hide(secrets: Callable[[object], object]) -> None:
    """Put what later lines of this process tell through this, which hides secrets in a fact."""
    _hiding[:] = [secrets]


def logger(name: str) -> Logger:
    """Return the logger of a module."""
    return Logger(name)
