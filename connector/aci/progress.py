"""How far an action is, as QueueAction=Progress shows it.

Source: progress of QueueInfo in the vendor's Media Server reference.
"""

from collections.abc import Mapping
from datetime import datetime

from connector.aci.dates import whole_seconds
from connector.aci.status import brief
from connector.aci.tree import Tree
from connector.jobs.job import Job
from connector.jobs.states import State


def progress_of(job: Job, now: datetime) -> dict[str, Tree]:
    """Return token, status, and under `progress` the percentage, times and what the action told.

    `percent` is there once the action has told it, or how many of how many it has done;
    `estimated_time_remaining` is in seconds, if it goes on as it has gone.
    """
    facts = dict(job.progress or {})
    told: dict[str, Tree] = {}
    percent = 100.0 if job.state is State.FINISHED else _percent(facts)
    if percent is not None:
        told["percent"] = f"{percent:.3f}"
    if job.started_at is not None and job.state is not State.QUEUED:
        seconds = whole_seconds(job.started_at, job.ended_at or now)
        told["time_processing"] = seconds
        if job.state is State.RUNNING and percent:
            told["estimated_time_remaining"] = round(seconds * (100.0 - percent) / percent)
    return {**brief(job.token, job.state), "progress": {**told, **_others(facts)}}


def _percent(facts: Mapping[str, object]) -> float | None:
    """Return percent as told, or that of all pairs such as rooms_done and rooms_total."""
    if (told := _number(facts.get("percent"))) is not None:
        return min(100.0, max(0.0, told))
    done = total = 0.0
    for name, value in facts.items():
        all_of = _number(value) if name.endswith("_total") else None
        if all_of is not None:
            total += all_of
            done += _number(facts.get(name.removesuffix("_total") + "_done")) or 0.0
    return min(100.0, 100.0 * done / total) if total > 0 else None


def _others(facts: Mapping[str, Tree]) -> dict[str, Tree]:
    own = ("percent", "time_processing", "estimated_time_remaining")
    return {name: facts[name] for name in sorted(facts) if name not in own}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value >= 0 else None
