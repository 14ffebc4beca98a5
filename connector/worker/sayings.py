"""What a slot may say. Its actions are anybody's code: none of it must trouble the worker."""

from connector.worker.channel import Closed, Message

SAYS = {
    "ready": set(),
    "progress": {"progress"},
    "save": {"number", "checkpoint"},
    "part": {"content"},
    "finished": {"result", "took"},
    "failed": {"error", "result", "took"},
    "retry": {"error", "after", "took"},
    "release": {"reason", "after", "took"},
    "idle": {"received"},
}
"""What a slot may say, and what belongs to it."""

FOREVER = 1e9
"""Seconds that no run takes."""


def check(message: Message) -> None:
    """Raise Closed for a message that no slot sends."""
    kind = message.get("type")
    if not isinstance(kind, str) or not SAYS.get(kind, {"?"}) <= message.keys():
        raise Closed(f"a message nobody knows, of type {kind!r}")
    took = message.get("took", 0)
    if not isinstance(took, int | float) or not 0 <= took <= FOREVER:
        raise Closed("the end of a run that took no time that there is")
