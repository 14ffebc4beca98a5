"""How a record of the log becomes a line, by structlog: as JSON or for people."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from connector.log import FACTS

OURS = frozenset({"timestamp", "level", "process", "action", "token", "attempt"})
"""Facts that hold no secret, and must be found by what they hold."""


def formatter(
    form: str, of_process: Mapping[str, object], hiding: Sequence[Callable[[object], object]] = ()
) -> logging.Formatter:
    """Return what formats a record, ours or a library's.

    `form`: json or console. `of_process`: facts for every line, as they are when it is written.
    `hiding`: what the others go through then.
    """

    def add_facts(logger: object, name: str, event: EventDict) -> EventDict:
        return {**of_process, **event, **getattr(event["_record"], FACTS, {})}

    def hide(logger: object, name: str, event: EventDict) -> EventDict:
        for secrets in hiding:
            event = {k: v if k in OURS else secrets(v) for k, v in event.items()}
        return event

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
            add_facts,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide,
            renderer,
        ],
    )
