"""Which action answers a request: those about the server, QueueInfo, and the asynchronous ones."""

import time
from collections.abc import Mapping

from starlette.responses import Response

from connector.aci import at_once, synchronous
from connector.aci.access import Access
from connector.aci.at_once import Answer
from connector.aci.authorization import Admission
from connector.aci.declared import QUEUE_INFO, STANDARD
from connector.aci.errors import not_implemented
from connector.aci.parameters import Parameters
from connector.aci.permissions import Role, role_for
from connector.aci.queueinfo import NAME, QueueInfo
from connector.aci.reply import Reply, token_reply
from connector.aci.request import Request
from connector.aci.request_log import RequestLog
from connector.aci.storing import Storing, key_of
from connector.aci.told import told
from connector.aci.waiting import Waiting
from connector.actions.action import Action, InvalidParameter
from connector.actions.registry import tasks_of
from connector.actions.validate import checked
from connector.config import Settings
from connector.jobs.errors import JobError
from connector.jobs.job import NewJob, Overlap
from connector.jobs.token import new_token


class Dispatch:
    """All actions of this server by name, in any case.

    `actions`: the asynchronous ones; `request_log`: what GetRequestLog tells.
    """

    def __init__(
        self,
        settings: Settings,
        access: Access,
        actions: Mapping[str, Action],
        request_log: RequestLog,
    ) -> None:
        self._access = access
        self._settings = settings
        self._storing = Storing(settings, access)
        waiting = Waiting(access)
        self._synchronous = synchronous.Synchronous(access, waiting)
        queue_info = QueueInfo(
            access,
            actions,
            waiting,
            {name: settings.queue(name).classic_status for name in actions}.__getitem__,
            lambda queue: Overlap(settings.queue(queue).on_overlap),
        )
        self._asynchronous = {action.name.casefold() for action in actions.values()}
        # Else who may not send the action could have one that was sent run once more.
        self._wants_admin = {
            name for name in self._asynchronous if role_for(name, asynchronous=True) is Role.ADMIN
        }
        self._answers: dict[str, Answer] = {
            **{each.name.casefold(): self._submit(each) for each in actions.values()},
            **at_once.answers(settings, access, actions, queue_info, request_log),
            NAME.casefold(): _about_queues(queue_info),
        }
        self._names = {
            **{action.name.casefold(): action.name for action in actions.values()},
            **{
                name.casefold(): each.name
                for each in (*STANDARD, QUEUE_INFO)
                for name in (each.name, *each.aliases)
            },
        }

    def named(self, action: str) -> str:
        """Return the real name of an action that was sent in any case or by an alias.

        One that there is not is returned as it was sent.
        """
        return self._names.get(action.strip().casefold(), action)

    def known(self, action: str) -> str:
        """Return the name of an action as it is counted: in capitals, and none for an unknown."""
        name = self._names.get(action.strip().casefold())
        return "none" if name is None else name.upper()

    async def answer(self, request: Request, admission: Admission) -> Reply | Response:
        """Answer one request, if its sender may send it. Raises AciError."""
        name = request.action.strip().casefold()
        answer = self._answers.get(name)
        if answer is None:
            raise not_implemented(request.action)
        asynchronous = name in self._asynchronous
        queue = name if asynchronous else _queue_of(name, request.parameters)
        admission.require(request.action, asynchronous=asynchronous, queue=queue)
        if queue in self._wants_admin:
            admission.require(queue, asynchronous=True, queue=queue)
        return await answer(request.parameters, admission)

    def _submit(self, action: Action) -> Answer:
        overlap = Overlap(self._settings.queue(action.name).on_overlap)

        async def submit(parameters: Parameters, admission: Admission) -> Reply:
            until = time.monotonic() + self._access.patience
            waits = synchronous.wanted(parameters)
            try:
                values = checked(action, parameters)
                tasks = tasks_of(action, values)
            except InvalidParameter as error:
                raise at_once.said(error) from error
            stored = await self._storing.storable(action, values, tasks, parameters)
            job = NewJob(
                new_token(),
                action.name,
                stored.values,
                tasks,
                submitted_by=admission.caller.name,
                action_id=parameters.get("ActionID"),
                config_hash=stored.config_hash,
                key=key_of(parameters),
                compared=stored.compared,
                overlap=overlap,
            )
            try:
                token = await self._access.submit(job)
            except JobError as error:
                raise told(error) from error
            if waits:
                return await self._synchronous.reply(action.name, token, until)
            return token_reply(action.name, token)

        return submit


def _queue_of(action: str, parameters: Parameters) -> str | None:
    """Return the queue that a synchronous action concerns, if it concerns one."""
    match action:
        case "queueinfo":
            return (parameters.get("QueueName") or "").strip().casefold()
        case "stopfetch" | "tasklist":
            return "Fetch"
    return None


def _about_queues(queue_info: QueueInfo) -> Answer:
    async def answer(parameters: Parameters, admission: Admission) -> Reply:
        return await queue_info.answer(parameters, admission.caller.name)

    return answer
