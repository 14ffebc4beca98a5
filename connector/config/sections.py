"""The sections of the configuration, one model each: every setting stated once.

Loading, messages, the generated page and the example are made from these. A section's docstring
is its introduction on that page.
"""

import logging
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from connector.config.handlers import EventSettings
from connector.config.listening import ListeningSettings
from connector.config.model import SectionModel as SectionModel
from connector.config.values import Boolean, Days, Form, Seconds, Setting, Size, Whole, Word


class ServerSettings(ListeningSettings, frozen=True):
    """The HTTP face and the processes of ``webex-connector serve``."""

    max_body_size: Annotated[
        Size, Field(ge=1024), Setting("Largest request body that is read.", "bytes")
    ] = 16 << 20
    max_request_line: Annotated[
        Size,
        Field(ge=1024, le=64 << 10),
        Setting("Longest request line (method, path and query) that is read.", "bytes"),
    ] = 64 << 10
    answer_seconds: Annotated[
        Seconds,
        Field(ge=0.5, le=9),
        Setting(
            "Every request is answered within this time, with an error if need be, for example "
            "when the database is gone. Some clients give up after 10.",
            "seconds",
        ),
    ] = 8.0
    http_processes: Annotated[
        Whole, Field(ge=1, le=64), Setting("Processes that answer requests.", "processes")
    ] = 1
    environment: Annotated[
        str,
        Setting(
            "Name of this deployment, such as `production`. `webex-connector migrate` writes it "
            "into the database, and workers of another name claim nothing: a copy of the database "
            "neither fetches nor delivers.",
        ),
    ] = ""
    xsl_templates: Annotated[
        Boolean,
        Setting(
            "Whether `Template` puts an answer through an XSL template of `[Paths] "
            "TemplateDirectory`. Otherwise that parameter is ignored.",
            key="XSLTemplates",
        ),
    ] = False
    workers: Annotated[
        Whole,
        Field(ge=0, le=64),
        Setting(
            "Worker processes of this server, each with its own slots. With 0 it only takes "
            "actions, and `webex-connector work` runs them elsewhere.",
            "processes",
        ),
    ] = 1


class QueueSettings(EventSettings, frozen=True):
    """Defaults for the queues of all asynchronous actions.

    A section named after an action, such as `[Fetch]`, takes the same keys for that queue alone
    and wins.
    """

    maximum_threads: Annotated[
        Whole,
        Field(ge=1, le=1024),
        Setting(
            "How many actions of the queue one worker process runs at once (see `[Server] "
            "Workers`). Each runs in a process of its own.",
            "actions",
        ),
    ] = 2
    max_queue_size: Annotated[
        Whole,
        Field(ge=0, le=100_000_000),
        Setting(
            "How many actions may wait in the queue; one more is refused with `ERRORQUEUEFULL`. "
            "0: any number. Several servers may exceed it by what they store at the same moment.",
            "actions",
        ),
    ] = 0
    max_attempts: Annotated[
        Whole,
        Field(ge=1, le=1000),
        Setting(
            "How often an action is tried before it fails for good. Only its own failures count, "
            "not the loss of a worker, a host or the database.",
            "attempts",
        ),
    ] = 3
    max_result_size: Annotated[
        Size,
        Field(ge=4096, le=4 << 20),
        Setting(
            "A result of more JSON than this is stored apart: `GetStatus` and all others that show "
            "actions have its beginning, and `QueueAction=GetResults` answers all of it.",
            "bytes",
        ),
    ] = 1 << 20
    grace_seconds: Annotated[
        Seconds,
        Field(ge=0, le=3600),
        Setting("Time that a stopped action has to end by itself before it is killed.", "seconds"),
    ] = 5.0
    soft_limit_seconds: Annotated[
        Seconds,
        Field(ge=0, le=31536000),
        Setting(
            "An action that runs longer is asked to end, as by a stop: it may still save where it "
            "is, within GraceSeconds. 0: no limit.",
            "seconds",
        ),
    ] = 0.0
    hard_limit_seconds: Annotated[
        Seconds,
        Field(ge=0, le=31536000),
        Setting("An action that runs longer is killed. 0: no limit.", "seconds"),
    ] = 0.0
    no_progress_seconds: Annotated[
        Seconds,
        Field(ge=0, le=31536000),
        Setting(
            "An action that has told no progress and saved nothing for this time is killed. "
            "0: no limit.",
            "seconds",
        ),
    ] = 0.0
    classic_status: Annotated[
        Boolean,
        Setting(
            "`GetStatus` shows an action that was cancelled or stopped as `Error`, with an `error` "
            "that says by whom, for clients that know no other end than `Finished` and `Error`.",
        ),
    ] = False
    on_overlap: Annotated[
        Literal["queue", "join", "refuse"],
        Word,
        Form("one of queue, join, refuse"),
        Setting(
            "What becomes of an action on a task that has one already, running, waiting or paused: "
            "`queue` has it wait, `join` answers the token of the one that is there, if that does "
            "all that is asked, `refuse` answers `ERRORTASKBUSY`."
        ),
    ] = "queue"
    on_limit: Annotated[
        Literal["retry", "fail"],
        Word,
        Form("one of retry, fail"),
        Setting(
            "What becomes of an action that was ended by one of these limits: tried again, which "
            "counts against MaxAttempts, or failed for good."
        ),
    ] = "retry"
    retry_seconds: Annotated[
        Seconds,
        Field(ge=0, le=86400),
        Setting(
            "Pause before the second rerun of a failed action; it doubles with each further one, "
            "up to an hour (or this pause, where it is longer). The first rerun has no pause.",
            "seconds",
        ),
    ] = 10.0
    ageing_step_seconds: Annotated[
        Seconds,
        Field(ge=0, le=86400),
        Setting(
            "How much waiting one step of priority is worth: of two actions whose priorities "
            "differ by n, the lower goes first if it was queued more than n times this time "
            "earlier.",
            "seconds",
        ),
    ] = 60.0

    def retry_pause(self, failures: int) -> float:
        """Seconds to wait before running again an action that has failed ``failures`` times."""
        if failures <= 1:
            return 0.0
        longest = max(3600.0, self.retry_seconds)
        return min(longest, self.retry_seconds * 2.0 ** min(failures - 2, 30))


class WorkerSettings(SectionModel, frozen=True):
    """How workers prove that they live."""

    lease_seconds: Annotated[
        Seconds,
        Field(ge=2, le=3600),
        Setting(
            "A worker on another host that has shown no sign of life for this time is taken for "
            "dead, and its actions run again. On the same host a death is seen at once.",
            "seconds",
        ),
    ] = 15.0
    shutdown_seconds: Annotated[
        Seconds,
        Field(ge=0, le=86400),
        Setting(
            "Time that running actions have to finish when the server ends. Those that can be "
            "paused are asked at once to save where they are; the others when the time is up. A "
            "service manager must wait longer than this and GraceSeconds before it kills.",
            "seconds",
        ),
    ] = 5.0


_KEPT = "Days for which an action that {} is kept. After that it is removed with all about it."


class RetentionSettings(SectionModel, frozen=True):
    """How long actions that have ended can still be asked about.

    After that they are removed in small batches, by whichever worker has time.
    """

    finished_days: Annotated[Days, Setting(_KEPT.format("has finished"), "days")] = 30.0
    failed_days: Annotated[Days, Setting(_KEPT.format("has failed"), "days")] = 30.0
    stopped_days: Annotated[Days, Setting(_KEPT.format("was stopped"), "days")] = 30.0
    cancelled_days: Annotated[Days, Setting(_KEPT.format("was cancelled"), "days")] = 30.0
    event_days: Annotated[
        Days,
        Setting(
            "Days for which an event that was delivered or given up stays in the table `outbox`.",
            "days",
        ),
    ] = 7.0


class LoggingSettings(SectionModel, frozen=True):
    """What the program says about itself, on standard error."""

    log_level: Annotated[
        Literal["full", "normal", "warning", "error", "critical", "always"],
        BeforeValidator(lambda value: {"debug": "full", "info": "normal"}.get(value, value)),
        Word,
        Form("one of full, normal, warning, error, critical, always"),
        Setting(
            "Least important messages that are logged; `full` is the most talkative. `debug` and "
            "`info` are taken for `full` and `normal`."
        ),
    ] = "normal"
    log_format: Annotated[
        Literal["console", "json"],
        Word,
        Form("one of console, json"),
        Setting("`console` for people, `json` for one JSON object a line."),
    ] = "console"

    @property
    def level(self) -> int:
        """The level as a number of the ``logging`` module."""
        return _LEVELS[self.log_level]


_LEVELS = {
    "full": logging.DEBUG,
    "normal": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "always": logging.CRITICAL,
}
