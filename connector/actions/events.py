"""Which events of which queues are to be told, and to whom: as the configuration says."""

from connector.config import Settings
from connector.config.handlers import EventSettings
from connector.jobs.levels import Thresholds
from connector.jobs.outbox import Event, Outbox


def outbox_of(settings: Settings) -> Outbox:
    """Return who wants to hear of what, in the queues that the settings know."""
    handlers: dict[tuple[str, Event], str] = {}
    thresholds = {}
    for name, queue in settings.queues.items():
        for event, handler in _named(queue).items():
            if handler:
                handlers[name, event] = settings.handler(handler).name
        if queue.on_queue_event:
            thresholds[name] = Thresholds(
                queue.max_queue_size, queue.queue_filling_threshold, queue.queue_emptying_threshold
            )
    return Outbox(handlers, thresholds)


def _named(queue: EventSettings) -> dict[Event, str]:
    return {
        Event.START: queue.on_start.strip(),
        Event.FINISH: queue.on_finish.strip(),
        Event.ERROR: queue.on_error.strip(),
        Event.ERROR_REPORT: queue.on_error_report.strip(),
        Event.QUEUE: queue.on_queue_event.strip(),
    }
