"""The connector's own actions about fetch tasks: TaskList, StopFetch.

Source: connectors.xsd of the vendor's Java types; StopFetch in the Distributed Connector reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from connector.aci.access import Access
from connector.aci.authorization import Admission
from connector.aci.dates import queue_time
from connector.aci.errors import AciError, Code, invalid
from connector.aci.parameters import Parameters
from connector.aci.queueinfo import QueueInfo
from connector.aci.reply import Reply
from connector.aci.status import brief
from connector.aci.tree import Tree
from connector.config import Settings
from connector.jobs import requests
from connector.jobs.calls import Calls, by_task
from connector.jobs.states import State

QUEUE = "Fetch"

SYNCHRONIZE = "Synchronize"
"""What a fetch task is for."""


class Fetching:
    """TaskList and StopFetch of one http process."""

    def __init__(self, settings: Settings, access: Access, queue_info: QueueInfo) -> None:
        self._tasks = [task.name for task in settings.tasks]
        self._access = access
        self._queue_info = queue_info

    async def task_list(self, values: Mapping[str, Any], admission: Admission) -> Reply:
        """List the fetch tasks of the configuration, and when each was fetched last."""
        names = [
            name
            for name in self._tasks
            if _matches(name, values["MatchName"]) and _matches(SYNCHRONIZE, values["MatchAction"])
        ]
        calls = await self._access.look(partial(by_task, queue=QUEUE)) if names else {}
        tasks: list[Tree] = [_task(name, calls.get(name, Calls())) for name in names]
        return Reply("TaskList", {"task": tasks})

    async def stop_fetch(self, values: Mapping[str, Any], admission: Admission) -> Reply:
        """Stop one fetch, the running ones of some tasks, or all that run."""
        if "Token" in values and "TaskSections" in values:
            raise AciError(
                Code.PARAM_INVALID, "Give Token or TaskSections, not both.", "TaskSections"
            )
        if "TaskSections" in values:
            tasks = self._named(values["TaskSections"])
            by = f"http {admission.caller.name}"
            verb = partial(requests.stop_all, queue=QUEUE, by=by, tasks=tasks)
            tokens = await self._access.change(verb)
            actions: list[Tree] = [brief(token, State.RUNNING) for token in tokens]
            return Reply("StopFetch", {"actions": {"action": actions}})
        given = {"QueueName": QUEUE, "QueueAction": "Stop"}
        if "Token" in values:
            given["Token"] = values["Token"]
        reply = await self._queue_info.answer(Parameters(given.items()), admission.caller.name)
        return replace(reply, action="StopFetch")

    def _named(self, text: str) -> Sequence[str]:
        names = [name.strip().upper() for name in text.split(",") if name.strip()]
        wrong = [name for name in names if name not in self._tasks]
        if wrong or not names:
            there = ", ".join(self._tasks) or "a fetch task, of which there is none"
            raise invalid("TaskSections", wrong[0] if wrong else text, f"one or more of {there}")
        return names


def _task(name: str, calls: Calls) -> Tree:
    told: dict[str, Tree] = {"name": name, "action": SYNCHRONIZE, "calls": calls.number}
    if calls.started_at is not None:
        told["lastStartTime"] = queue_time(calls.started_at)
    if calls.ended_at is not None:
        told["lastFinishTime"] = queue_time(calls.ended_at)
    return told


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name.casefold(), pattern.strip().casefold())
