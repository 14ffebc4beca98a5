"""The actions that are answered at once, stated once: what they are for and what they take.

Help, GetStatus, the checks of parameters and the documentation are made from this. What each
asynchronous action takes stands with that action.
"""

from dataclasses import dataclass

from connector.aci.filters import SORTS
from connector.aci.formats import FORMATS
from connector.actions.action import Parameter


@dataclass(frozen=True)
class Declared:
    """One action. `aliases`: other names it answers to."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()


COMMON = (
    Parameter(
        "ResponseFormat",
        "The form of the answer.",
        kind="choice",
        choices=tuple(FORMATS),
        default="xml",
    ),
    Parameter(
        "Template", "A template of the server's for the answer, if [Server] XSLTemplates is set."
    ),
    Parameter("TemplateParamCSVs", "Parameters of the template, as in name=value,name=value."),
    Parameter("ActionID", "A text of yours; an asynchronous action keeps it in jobs.action_id."),
)
"""What every action takes."""

ASYNCHRONOUS = (
    Parameter("Idempotency-Key", "What you call the request: sent again it is stored once."),
    Parameter(
        "Sync",
        "Wait for the results and answer with them; also called Synchronous.",
        kind="boolean",
        default=False,
    ),
)
"""What every asynchronous action takes besides."""

QUEUE_ACTIONS = (
    *("GetStatus", "GetResults", "QueueStatus", "Progress", "GetActionParameters"),
    *("Duplicate", "Why"),
    *("Cancel", "Stop", "Pause", "Resume", "Retry", "ChangePriority"),
)

_TIME = "A time such as 2026-11-23 18:30:00, perhaps with a zone: only actions that were "

QUEUE_INFO = Declared(
    "QueueInfo",
    "What there is of actions, and what can be done to them.",
    (
        Parameter(
            "QueueAction", "What to do.", kind="choice", choices=QUEUE_ACTIONS, required=True
        ),
        Parameter("QueueName", "The queue: the name of an asynchronous action.", required=True),
        Parameter("Token", "The one action that is meant."),
        Parameter("Wait", "GetStatus with Token: for how many seconds to wait for a change."),
        Parameter("Priority", "ChangePriority: the new one; larger runs sooner.", kind="integer"),
        Parameter(
            "Preview",
            "Of a verb about many: only count them.",
            kind="boolean",
            default=False,
        ),
        Parameter("State", "Only actions with these words of status, separated by commas."),
        Parameter("Min-Priority", "Only actions of this priority or more.", kind="integer"),
        Parameter("Max-Priority", "Only actions of this priority or less.", kind="integer"),
        Parameter("Queued-After", f"{_TIME}stored since."),
        Parameter("Queued-Before", f"{_TIME}stored until then."),
        Parameter("Started-After", f"{_TIME}begun since."),
        Parameter("Started-Before", f"{_TIME}begun until then."),
        Parameter("Finished-After", f"{_TIME}ended since."),
        Parameter("Finished-Before", f"{_TIME}ended until then."),
        Parameter("MaxResults", "At most so many actions.", kind="integer"),
        Parameter("After", "A token: go on behind that action, newest first."),
        Parameter(
            "Sort-By",
            "The order of a list.",
            kind="choice",
            choices=tuple(SORTS),
            default="queue-time",
        ),
        Parameter(
            "Sort-Order",
            "Which way.",
            kind="choice",
            choices=("ascending", "descending"),
            default="descending",
        ),
    ),
)

STANDARD = (
    Declared("GetVersion", "Which program this is, and for how long it has run."),
    Declared("GetStatus", "What this server is, its actions and its fetch tasks."),
    Declared("GetPid", "The process that answers; for health checks."),
    Declared("GetLicenseInfo", "Every action is licensed: the program needs no licence key."),
    Declared(
        "GetRequestLog",
        "The newest requests that the answering process had, secrets masked.",
        (Parameter("Tail", "How many to tell, at most 200.", kind="integer", default=200),),
        aliases=("GRL",),
    ),
    Declared(
        "ShowPermissions",
        "What the sender of the request, or another address, may do.",
        (Parameter("IP", "An address to tell of, instead of the sender."),),
    ),
    Declared("Help", "This page: every action and what it takes."),
    Declared(
        "TaskList",
        "The fetch tasks of the configuration, and when each was fetched last.",
        (
            Parameter("MatchName", "Names of tasks; * and ? stand for any text.", default="*"),
            Parameter("MatchAction", "Actions of tasks, in the same way.", default="*"),
        ),
    ),
    Declared(
        "StopFetch",
        "Stops fetches: one by its token, those that run for some tasks, or all that run.",
        (
            Parameter("Token", "The fetch to stop; one that waits is cancelled."),
            Parameter("TaskSections", "Names of fetch tasks, separated by commas."),
        ),
    ),
)
"""The actions about the server, in the order in which they are listed."""
