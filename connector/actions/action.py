"""What an asynchronous action is: the public, stable contract for built-in and outside actions.

An outside package adds one by the entry-point group `webex_connector.actions`; see docs/actions.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

Document = Mapping[str, Any]
"""JSON object. In results, keys become elements, "@key" an attribute, "$" text, a list repeats."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that an action takes. Names and enumerated values ignore case."""

    name: str
    help: str
    kind: Literal["text", "integer", "boolean", "choice"] = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    """What a `choice` may be, in the spelling that `Context.parameters` will show."""
    default: str | int | bool | None = None
    secret: bool = False
    """Stored encrypted, and never shown in answers or logs. One whose name says so needs none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The action ended well. `result`: elements for the client."""

    result: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The action ended badly and another try would not help. `error`: one sentence for people."""

    error: str
    result: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """The action met a passing failure and is tried again, up to MaxAttempts times."""

    error: str
    after: float | None = None
    """Seconds until the next try; None leaves the pause to the queue's settings."""


@dataclass(frozen=True, slots=True)
class Release:
    """A service the action needs is away: tried again later, without charge."""

    reason: str
    after: float = 30.0
    """Seconds until the next try."""


Outcome = Finished | Failed | Retry | Release


class InvalidParameter(Exception):
    """A parameter is missing, unknown or malformed; refused before anything is stored."""

    def __init__(
        self, parameter: str, expected: str, value: str | None = None, *, absent: bool = False
    ) -> None:
        super().__init__(f"{parameter}: {expected}")
        self.parameter = parameter
        self.expected = expected
        self.value = value
        """What was sent; None when nothing was, or when it must not be shown."""
        self.absent = absent
        """Whether nothing was sent at all."""


class Log(Protocol):
    """Where an action writes what operators should read; the token is added to each line."""

    def info(self, event: str, **facts: object) -> None:
        """Write an ordinary line."""

    def warning(self, event: str, **facts: object) -> None:
        """Write a line about something an operator may have to look at."""


class Context(Protocol):
    """What a running action knows, and how it tells how far it is."""

    token: str
    worker_id: str
    """The worker that runs it; token, attempt and this together are the fence."""
    attempt: int
    """1 for the first try; a later one may find a checkpoint."""
    parameters: Mapping[str, Any]
    """Checked values by the declared names; absent optional ones have their default."""
    checkpoint: Document | None
    """What an earlier attempt saved last."""
    folder: Path
    """The server's data folder."""
    log: Log

    def progress(self, **facts: object) -> None:
        """Tell how far the action is: JSON values by name. Cheap; sent on a few times a second.

        Raises ValueError for what is no JSON, and RuntimeError, as `save` does, once the action has
        ended or in a process it has forked.
        """

    def save(self, checkpoint: Document) -> None:
        """Save where a later attempt goes on. Returns when it is stored durably.

        Raises ValueError for what is no JSON.
        """


class Action(Protocol):
    """One asynchronous action. Its name is the name of its queue."""

    name: ClassVar[str]
    help: ClassVar[str]
    """One sentence for the list of actions."""
    parameters: ClassVar[tuple[Parameter, ...]]
    pausable: ClassVar[bool]
    """Whether a stop for a pause loses nothing: it saves checkpoints and goes on from them."""

    def run(self, context: Context) -> Outcome:
        """Do the work and say how it ended.

        Runs in the main thread of a process of its own. Stop arrives as SystemExit at any line, so
        clean up in `finally`. An exception counts as Failed and is logged with its traceback.
        """


@runtime_checkable
class Prepares(Protocol):
    """An action that takes long to import: a slot that waits for work has it do so beforehand."""

    def prepare(self) -> None:
        """Import what `run` needs."""


@runtime_checkable
class WorksOnTasks(Protocol):
    """An action of which at most one at a time, in the whole cluster, works on each fetch task."""

    def tasks_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the tasks that these checked parameters mean, in any order.

        Called before the action is stored. Raises InvalidParameter.
        """


@runtime_checkable
class ChecksParameters(Protocol):
    """An action that looks closer at values than their kinds tell."""

    def check_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Return if these checked parameters make sense. Raises InvalidParameter.

        Called before the action is stored.
        """
