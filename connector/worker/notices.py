"""An event as its target is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.aci.formats import FORMATS
from connector.aci.reply import Reply
from connector.aci.status import element
from connector.aci.tree import Tree
from connector.actions.sealing import masked
from connector.jobs.deliveries import Pending
from connector.jobs.outbox import Event
from connector.jobs.snapshot import to_job

REPLY = "QueueInfo"
"""The action whose answer an event looks like."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. `request`: the parameters of the action, secret ones masked; none of a queue.

    `data`: what stands in `responsedata`.
    """

    event_id: str
    event: str
    request: Mapping[str, Any] = field(repr=False)
    data: Mapping[str, Tree] = field(repr=False)

    def rendered(self, form: str) -> tuple[str, bytes]:
        """Return media type and body in a format: what GetStatus would answer, and the event."""
        chosen = FORMATS[form]
        return chosen.media_type, chosen.render(Reply(REPLY, self.data))


def notice_of(event: Pending, classic: bool) -> Notice:
    """Return what is told of an event. `classic`: as of `[Actions] ClassicStatus`.

    Raises KeyError, TypeError, ValueError or AttributeError for a payload that was damaged by hand.
    """
    told: dict[str, Tree] = {
        "id": event.event_id,
        "type": event.event,
        "time": event.at.isoformat(timespec="milliseconds"),
        "queue": event.queue,
    }
    if event.event == Event.QUEUE:
        data: Mapping[str, Tree] = {**event.payload, "event": told}
        return Notice(event.event_id, event.event, {}, data)
    job = to_job(event.payload["job"])
    told["attempt"] = job.attempt
    data = {"actions": {"action": [element(job, event.at, classic)]}, "event": told}
    return Notice(event.event_id, event.event, masked(event.payload["parameters"]), data)
