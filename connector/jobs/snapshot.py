"""A job as it was at a moment, as a JSON document and back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from connector.jobs.job import Job
from connector.jobs.states import Requested, State

_MOMENTS = ("queued_at", "run_at", "started_at", "ended_at")


def of_job(job: Job) -> dict[str, Any]:
    """Return a job as a JSON document."""
    facts = asdict(job)
    for name in _MOMENTS:
        if facts[name] is not None:
            facts[name] = facts[name].isoformat()
    return facts


def to_job(facts: Mapping[str, Any]) -> Job:
    """Return the job that `of_job` has made this of. Raises KeyError, TypeError, ValueError."""
    values = dict(facts)
    for name in _MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    values["state"] = State(values["state"])
    if values["requested"] is not None:
        values["requested"] = Requested(values["requested"])
    return Job(**values)
