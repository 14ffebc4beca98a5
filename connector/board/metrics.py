"""Everything that processes count, stated once: name, meaning, labels."""

from dataclasses import dataclass
from enum import Enum

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of times that a client waits for."""

LONG = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Bounds of times that actions take."""

PREFIX = "webex_connector_"
"""What each name begins with when it is told."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one metric is to people. `buckets`: upper bounds, for a histogram."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    gauge: bool = False


class Metric(Enum):
    """The metrics that are counted in processes and summed over those of a host."""

    PROCESS_PID = Meaning(
        "process_pid", "Process id of each process of this host.", ("process",), gauge=True
    )
    PROCESS_STARTED = Meaning(
        "process_start_time_seconds",
        "When a process of this host was started, in seconds since 1970.",
        ("process",),
        gauge=True,
    )
    STARTS = Meaning(
        "process_starts_total", "How often each process of this host was started.", ("process",)
    )
    FROZEN = Meaning(
        "process_frozen_total", "How often a process did not move and was killed.", ("process",)
    )
    REQUESTS = Meaning(
        "aci_requests_total",
        "Requests answered on the action port, but for those that were refused before they were "
        "read. Action: none for those that name no known one.",
        ("action", "response"),
    )
    REQUEST_SECONDS = Meaning(
        "aci_request_seconds", "Time to answer a request on the action port.", (), SECONDS
    )
    REFUSALS = Meaning(
        "refusals_total",
        "Requests and connections refused by this host, on both ports, by reason: host, origin, "
        "key and role say that it was not permitted, the others that it was too much or too slow.",
        ("reason",),
    )
    LISTENERS = Meaning(
        "event_listeners", "Clients that listen to `/events` of this host now.", gauge=True
    )
    CLAIMS = Meaning(
        "claims_total",
        "Attempts begun: each is an action that a worker of this host has claimed.",
        ("queue",),
    )
    WAIT_SECONDS = Meaning(
        "wait_seconds",
        "Time from storing an action to its first claim, by this host's clock.",
        ("queue",),
        LONG,
    )
    OUTCOMES = Meaning(
        "outcomes_total",
        "Attempts ended: by which verb, and the state the action has then. Queued means that it "
        "runs again.",
        ("queue", "verb", "state"),
    )
    REFUSED = Meaning(
        "fenced_writes_total",
        "Ends that were refused because the action was not held any more.",
        ("queue",),
    )
    RUN_SECONDS = Meaning("run_seconds", "Time that an attempt held its slot.", ("queue",), LONG)
    ATTEMPTS = Meaning(
        "attempts",
        "Attempts that actions had needed when they finished or failed.",
        ("queue",),
        (1, 2, 3, 5, 10, 30, 100),
    )
    WEBEX_CALLS = Meaning(
        "webex_calls_total",
        "Requests to Webex, repeats included, by HTTP status; 429 is a rate limit, none means "
        "that no answer came.",
        ("status",),
    )
    WEBEX_SECONDS = Meaning(
        "webex_call_seconds", "Time until Webex had answered a request.", (), SECONDS
    )
