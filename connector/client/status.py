"""How an action is doing, as QueueInfo's GetStatus tells it."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field

FINISHED = "Finished"
FINAL = frozenset({FINISHED, "Error", "Cancelled", "Stopped"})
"""Words after which an action changes no more, unless it is retried."""

NOTE = "result_note"
"""The element that says of results that they are not whole."""

_CORE = frozenset(
    "status queued_time time_in_queue process_start_time time_processing process_end_time error "
    "token progress".split()
)


@dataclass(frozen=True)
class Status:
    """One action at one moment.

    `word`: Queued, Processing, Paused, Finished, Error, Cancelled or Stopped. `seconds`: how long
    it has run, whole seconds, None before it runs. `error`: why it failed. `progress`: facts by
    name while it runs, such as rooms_done. `results`: the elements it left, such as documentcounts;
    of a large result their beginning, see `cut`.
    `element`: all of it as it was sent, the `action` element.
    """

    token: str
    word: str
    queued_time: str = ""
    seconds: int | None = None
    error: str | None = None
    progress: Mapping[str, str] = field(default_factory=dict)
    results: tuple[ET.Element, ...] = field(default=(), repr=False, compare=False)
    element: ET.Element = field(default_factory=lambda: ET.Element("action"), repr=False)

    @property
    def ended(self) -> bool:
        """Whether it has come to an end, good or not."""
        return self.word in FINAL

    @property
    def finished(self) -> bool:
        """Whether it has come to a good end, so that `results` are there."""
        return self.word == FINISHED

    @property
    def cut(self) -> bool:
        """Whether `results` are the beginning alone; `Client.results` returns all of them."""
        return any(element.tag == NOTE for element in self.results)


def status_of(action: ET.Element) -> Status:
    """Read an `action` element of GetStatus; what it lacks is left at its default."""
    seconds = action.findtext("time_processing", "")
    return Status(
        token=action.findtext("token", ""),
        word=action.findtext("status", ""),
        queued_time=action.findtext("queued_time", ""),
        seconds=int(seconds) if seconds.isdecimal() else None,
        error=action.findtext("error"),
        progress={child.tag: child.text or "" for child in action.findall("progress/*")},
        results=tuple(child for child in action if child.tag not in _CORE),
        element=action,
    )
