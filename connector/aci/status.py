"""An action as QueueInfo shows it: words, dates, elements and their order.

Source: asynchronousTypes.xsd of the vendor's Java types, and genuine replies.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from connector.aci.dates import queue_time, whole_seconds
from connector.aci.tree import Tree
from connector.jobs.job import Job
from connector.jobs.states import State

WORDS: MappingProxyType[State, str] = MappingProxyType(
    {
        State.QUEUED: "Queued",
        State.RUNNING: "Processing",
        State.PAUSED: "Paused",
        State.FINISHED: "Finished",
        State.FAILED: "Error",
        State.CANCELLED: "Cancelled",
        State.STOPPED: "Stopped",
    }
)
"""State to the word on the wire."""


def words_of(classic: bool) -> Mapping[State, str]:
    """Return the words of a queue; `classic` as in `element`."""
    return {**WORDS, **dict.fromkeys(_EARLY, WORDS[State.FAILED])} if classic else WORDS


def brief(token: str, state: State) -> dict[str, Tree]:
    """Return the short form that verbs answer with."""
    return {"token": token, "status": WORDS[state]}


def element(job: Job, now: datetime, classic: bool = False) -> dict[str, Tree]:
    """Return the children of `action`, in the order that clients know.

    Times that are not known yet are left out. Process times are the newest attempt's; an action
    that waits for another try has none. `classic`: a cancelled or stopped action is shown as one
    that failed, for clients that know no other end than Finished and Error.
    """
    ended_early = classic and job.state in _EARLY
    waits = job.state in (State.QUEUED, State.PAUSED)
    started = None if waits else job.started_at
    shown: dict[str, Tree] = {
        "status": WORDS[State.FAILED if ended_early else job.state],
        "queued_time": queue_time(job.queued_at),
        "time_in_queue": whole_seconds(job.queued_at, started or job.ended_at or now),
    }
    if started is not None:
        shown["process_start_time"] = queue_time(started)
        shown["time_processing"] = whole_seconds(started, job.ended_at or now)
    if started is not None and job.ended_at is not None:
        shown["process_end_time"] = queue_time(job.ended_at)
    if job.state is State.FAILED:
        shown["error"] = job.error or "failed without a message"
    elif ended_early:
        shown["error"] = _by_whom(job)
    shown.update(results(job))
    shown["token"] = job.token
    return shown


def results(job: Job) -> dict[str, Tree]:
    """Return what an action tells besides, in alphabetical order, as genuine servers do.

    Results may not take the name of what `element` puts before and after them.
    """
    told = {**_priority(job), **_progress(job), **dict(job.result or {})}
    return {name: told[name] for name in sorted(told) if name not in _CORE}


_CORE = frozenset(
    "status queued_time time_in_queue process_start_time time_processing process_end_time error "
    "token".split()
)


_EARLY = (State.CANCELLED, State.STOPPED)


def _by_whom(job: Job) -> str:
    if job.state is State.CANCELLED:
        # A request that still stands there is an earlier pause, perhaps somebody else's.
        by = (job.changed_by or "an unknown client").removesuffix(" cancel")
        return f"Cancelled by {by}"
    told = f"Stopped by {job.requested_by or 'an unknown client'}"
    return f"{told}: {job.requested_reason}" if job.requested_reason else told


def _priority(job: Job) -> Mapping[str, Tree]:
    # Genuine replies of actions without one do not have the element.
    return {"priority": job.priority} if job.priority else {}


def _progress(job: Job) -> Mapping[str, Tree]:
    if job.state is not State.RUNNING or not job.progress:
        return {}
    return {"progress": dict(job.progress)}
