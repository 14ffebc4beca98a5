"""Logging, set up once by each process; libraries that log through the standard library join in."""

import logging
import sys

import structlog

from connector.config import LoggingSettings

_facts: dict[str, object] = {}


def _add_facts(
    logger: object, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add what holds for the whole process, whichever thread or library writes the line."""
    return {**_facts, **event}


_SHARED: list[structlog.typing.Processor] = [
    _add_facts,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(settings: LoggingSettings, process: str) -> None:
    """Send this process's log lines to standard error, in the configured form and level.

    `process` stands in each line: supervisor, http, worker or slot.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    # These tell of each request, or of each broken body a client sends: too much for our log.
    for name in ("httpx2", "httpcore2", "python_multipart", "uvicorn.error", "alembic"):
        logging.getLogger(name).setLevel(max(settings.level, logging.WARNING))
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    about(process=process)
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info
            if settings.log_format == "json"
            else structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def about(**facts: object) -> None:
    """Put facts into every later line of this process, also of its threads; None takes one out."""
    for name, fact in facts.items():
        _facts.pop(name, None)
        if fact is not None:
            _facts[name] = fact


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; facts go in as keyword arguments."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found
