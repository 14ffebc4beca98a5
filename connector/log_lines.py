"""How a record of the log becomes a line, by structlog: as JSON or for people."""

import logging
import sys
from datetime import UTC, datetime

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from connector.log import FACTS, HIDING, OF_PROCESS

OURS = frozenset({"timestamp", "level", "process", "action", "token", "attempt"})
"""Facts that hold no secret, and must be found by what they hold."""

_LEFT = OURS | {"_record", "_from_structlog"}  # the last two are structlog's own


def formatter(form: str) -> logging.Formatter:
    """Return what formats a record, ours or a library's. `form`: json or console."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        # Not its tracebacks of more than lines: those show variables, and so secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return ProcessorFormatter(
        foreign_pre_chain=[
            _add_facts,
            structlog.stdlib.add_log_level,
            _add_time,
        ],
        processors=[
            structlog.processors.format_exc_info,
            _hide,
            ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )


def _add_facts(logger: object, name: str, event: EventDict) -> EventDict:
    record = event["_record"]
    return {**getattr(record, OF_PROCESS, {}), **event, **getattr(record, FACTS, {})}


def _add_time(logger: object, name: str, event: EventDict) -> EventDict:
    said = datetime.fromtimestamp(event["_record"].created, UTC)
    event["timestamp"] = said.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


def _hide(logger: object, name: str, event: EventDict) -> EventDict:
    for secrets in getattr(event["_record"], HIDING, ()):
        event = {k: v if k in _LEFT else secrets(v) for k, v in event.items()}
    return event
