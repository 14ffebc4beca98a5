"""The handlers that queues name by ``OnStart`` and the like, each with a section."""

from collections.abc import Collection, Iterable, Mapping

from connector.config.build import Builder
from connector.config.handlers import EventSettings, HandlerSettings
from connector.config.ini import fold
from connector.config.secrecy import quotable
from connector.config.sources import Given, Layer, Table
from connector.config.tasks import is_task_name

EVENTS = ("OnStart", "OnFinish", "OnError", "OnErrorReport", "OnQueueEvent")

NTLM = ("UseNTLMAuthentication", "UseNTLMv2")


def handler_names(
    table: Table, queues: Iterable[str], taken: Collection[str], problems: list[str]
) -> list[str]:
    """Names of the handlers that the queues name; what is wrong goes to ``problems``.

    ``taken`` are the names of sections that mean something else.
    """
    names: dict[str, str] = {}
    for section in queues:
        for event in EVENTS:
            given = table.get(section, event)
            name = given.text.strip() if given else ""
            if given is None or not name or fold(name) in names:
                continue
            if what := _fault(name, given, table, taken):
                problems.append(
                    f'[{section}] {event} ({given.source}) is "{quotable(given.text)}": {what}'
                )
            else:
                names[fold(name)] = name
    return list(names.values())


def build_handlers(
    builder: Builder, table: Table, names: Collection[str]
) -> tuple[HandlerSettings, ...]:
    """Build the handlers; problems go to the builder."""
    found = []
    for name in names:
        for key in NTLM:
            given = table.get(name, key)
            if given and given.text.strip().casefold() in ("true", "on", "yes", "y", "1"):
                builder.problems.append(
                    f"[{name}] {key} ({given.source}): there is no NTLM here; expected UserName "
                    "and Password, which are sent as Basic authentication"
                )
        if handler := builder.build(HandlerSettings, [name], {"name": name}):
            builder.problems += handler.conflicts()
            found.append(handler)
    return tuple(found)


def threshold_conflicts(queues: Mapping[str, EventSettings | None]) -> list[str]:
    """What is wrong with thresholds of the queues, by their sections."""
    return [
        told for name, queue in queues.items() if queue for told in queue.threshold_conflicts(name)
    ]


def _fault(name: str, given: Given, table: Table, taken: Collection[str]) -> str:
    if not is_task_name(name.upper()):
        return (
            "expected the name of a section: letters, digits, _, - and ., at most 64, "
            "a letter or digit first"
        )
    if fold(name) in map(fold, taken):
        return f"[{name}] is a section of its own; expected another name for the handler"
    if given.layer is Layer.FILE and fold(name) not in table.sections():
        return f"there is no section [{name}]; expected one that says how the handler is told"
    return ""
