"""Logging, set up once by each process; libraries that log through the standard library join in.

structlog writes the lines. It is loaded with the first one: a process that has nothing to say is
at work the sooner.
"""

import logging
import sys

from connector.config import LoggingSettings

_QUIET = ("httpx2", "httpcore2", "python_multipart", "uvicorn.error", "alembic")
"""These tell of each request, or of each broken body a client sends: too much for our log."""


FACTS = "facts"
"""Attribute of a record that holds what its line tells besides the event."""

_of_process: dict[str, object] = {}


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

            self._formatter = log_lines.formatter(self._settings.log_format, _of_process)
        return self._formatter.format(record)


def configure(settings: LoggingSettings, process: str) -> None:
    """Send this process's log lines to standard error, in the configured form and level.

    `process` stands in each line: supervisor, http, worker or slot.
    """
    handler = logging.StreamHandler(sys.stderr)
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
        _of_process.pop(name, None)
        if fact is not None:
            _of_process[name] = fact


def logger(name: str) -> Logger:
    """Return the logger of a module."""
    return Logger(name)
