"""The actions about the server, which are answered at once: what each takes, and who answers it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.responses import Response

from connector.aci.access import Access
from connector.aci.authorization import Admission
from connector.aci.declared import STANDARD, Declared
from connector.aci.errors import AciError, invalid, missing
from connector.aci.fetching import Fetching
from connector.aci.help import Help
from connector.aci.parameters import Parameters
from connector.aci.permitted import Permitted
from connector.aci.queueinfo import NAME, QueueInfo
from connector.aci.reply import Reply
from connector.aci.request_log import RequestLog
from connector.aci.standard import Standard
from connector.aci.values import required
from connector.actions.action import Action, InvalidParameter
from connector.actions.validate import checked
from connector.config import Settings

Answer = Callable[[Parameters, Admission], Awaitable[Reply | Response]]
"""Answers a request that its sender may send. Raises AciError."""

Answered = Callable[[Mapping[str, Any], Admission], Awaitable[Reply | Response]]
"""The same for values that have been checked."""


def answers(
    settings: Settings,
    access: Access,
    actions: Mapping[str, Action],
    queue_info: QueueInfo,
    request_log: RequestLog,
) -> dict[str, Answer]:
    """Return who answers each action about the server, by name and alias in small letters.

    `actions`: the asynchronous ones by name.
    """
    standard = Standard(settings, [*(each.name for each in STANDARD), NAME], actions)
    fetching = Fetching(settings, access, queue_info)
    by_name: Mapping[str, Answered] = {
        "GetVersion": _made(standard.get_version),
        "GetStatus": _made(standard.get_status),
        "GetPid": _made(standard.get_pid),
        "GetLicenseInfo": _made(standard.get_license_info),
        "GetRequestLog": request_log.answer,
        "ShowPermissions": Permitted(settings).answer,
        "Help": Help(actions).answer,
        "TaskList": fetching.task_list,
        "StopFetch": fetching.stop_fetch,
    }
    return {
        name.casefold(): partial(_answer, each, by_name[each.name])
        for each in STANDARD
        for name in (each.name, *each.aliases)
    }


async def _answer(
    declared: Declared, answer: Answered, parameters: Parameters, admission: Admission
) -> Reply | Response:
    for name in declared.filled:
        if name in parameters:
            required(parameters, name, "what is meant, or leave it out")
    try:
        values = checked(declared, parameters)
    except InvalidParameter as error:
        raise said(error) from error
    return await answer(values, admission)


def _made(make: Callable[[], Reply]) -> Answered:
    async def answer(values: Mapping[str, Any], admission: Admission) -> Reply:
        return make()

    return answer


def said(error: InvalidParameter) -> AciError:
    """Return the error that tells a client of a parameter."""
    if error.absent:
        return missing(error.parameter, error.expected)
    return invalid(error.parameter, error.value, error.expected)
