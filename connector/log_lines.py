"""How a record of the log becomes a line, by structlog: as JSON or for people."""

import logging
import sys
from collections.abc import Mapping

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from connector.log import FACTS


def formatter(form: str, of_process: Mapping[str, object]) -> logging.Formatter:
    """Return what formats a record, ours or a library's.

    `form`: json or console. `of_process`: facts for every line, as they are when it is written.
    """

    def add_facts(logger: object, name: str, event: EventDict) -> EventDict:
        return {**of_process, **event, **getattr(event["_record"], FACTS, {})}

    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            # Not its tracebacks of more than lines: those show variables, and so secrets.
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    return ProcessorFormatter(
        foreign_pre_chain=[
            add_facts,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, *renderers],
    )
