"""The actions that are answered at once, stated once: what they are for and what they take.

Help, GetStatus, the checks of parameters and the documentation are made from this. What each
asynchronous action takes stands with that action.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connector.actions.action import Parameter


@dataclass(frozen=True)
class Declared:
    """One action. `aliases`: other names it answers to; `own_form`: not in the ACI envelope."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    own_form: bool = False


COMMON = (
    Parameter(
        "ResponseFormat",
        "The form of the answer.",
        kind="choice",
        choices=("xml", "json", "simplejson"),
        default="xml",
    ),
    Parameter("ActionID", "A text of yours; an asynchronous action keeps it in jobs.action_id."),
)
"""What every action takes."""

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


def by_name(actions: Collection[Declared]) -> Mapping[str, Declared]:
    """Return actions by name and alias, in small letters."""
    return {
        name.casefold(): action for action in actions for name in (action.name, *action.aliases)
    }
