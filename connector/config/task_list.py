"""The list of fetch tasks in ``[FetchTasks]``: ``Number`` and ``0=``, ``1=`` ..."""

from collections.abc import Collection

from connector.config.ini import fold
from connector.config.secrecy import quotable
from connector.config.sources import Given, Layer, Table
from connector.config.tasks import is_task_name

LIST = "FetchTasks"


def task_names(table: Table, taken: Collection[str], problems: list[str]) -> list[str]:
    """Names of the tasks, upper case, in order; what is wrong with the list goes to ``problems``.

    ``taken`` are the names of sections that mean something else.
    """
    numbered = sorted((g for g in table.of(LIST) if is_number(g.key)), key=lambda g: int(g.key))
    _check_numbers(table, numbered, problems)
    names: dict[str, Given] = {}
    for given in numbered:
        name = given.text.upper()
        if what := _fault(name, given, names, table, taken):
            problems.append(
                f'[{LIST}] {given.key} ({given.source}) is "{quotable(given.text)}": {what}'
            )
        else:
            names[name] = given
    return list(names)


def is_number(key: str) -> bool:
    """Whether a key of ``[FetchTasks]`` numbers a task."""
    return key.isascii() and key.isdigit() and len(key) <= 9


def _check_numbers(table: Table, numbered: list[Given], problems: list[str]) -> None:
    for place, given in enumerate(numbered):
        if int(given.key) != place:
            problems.append(
                f"[{LIST}] {given.key} ({given.source}): expected {place}=... here; "
                f"tasks are numbered 0, 1, 2 without gap or repeat"
            )
            break
    number = table.get(LIST, "Number")
    if number and number.text.strip() not in ("", str(len(numbered))):
        problems.append(
            f'[{LIST}] Number ({number.source}) is "{number.text}": expected {len(numbered)}, '
            f"for so many tasks are listed (0=..., 1=...)"
        )


def _fault(
    name: str, given: Given, names: dict[str, Given], table: Table, taken: Collection[str]
) -> str:
    if len(given.values) > 1 and len({file for file, _ in given.places}) < len(given.places):
        return "the number is given twice; expected one task for each number"
    if not is_task_name(name):
        return (
            "expected the name of a task: letters, digits, _, - and ., at most 64, "
            "a letter or digit first"
        )
    if name in names:
        return f"the task is listed already ({names[name].source}); expected each task once"
    if fold(name) in map(fold, taken):
        return f"[{given.text}] is a section of its own; expected another name for the task"
    if _variable_part(name) in map(_variable_part, names):
        return "differs from another task by signs alone; expected a name more unlike it"
    # A container may have the environment alone, where no empty section can be written.
    if given.layer is Layer.FILE and fold(name) not in table.sections():
        return f"there is no section [{given.text}]; expected one, empty if need be"
    return ""


def _variable_part(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
