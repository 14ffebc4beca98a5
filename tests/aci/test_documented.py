"""The guides and the code agree on every action: its parameters, their choices and defaults.

What the guides say is read from their tables whose first column is `Parameter` or the name of one,
from `Name=value` in the text, and from the requests in the examples. `docs/parameters.md` and Help
are made from the code, and need no such test.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest

from connector.aci import catalogue
from connector.aci.catalogue import Entry
from connector.aci.declared import ASYNCHRONOUS, COMMON
from connector.actions import registry
from connector.actions.action import InvalidParameter, Parameter
from connector.actions.validate import checked

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("actions.md", "queueinfo.md", "standard.md")

SHARED = {
    "every action": (COMMON, ("actions.md#Send an action", "queueinfo.md#Templates")),
    "every asynchronous action": (
        ASYNCHRONOUS,
        ("actions.md#Send again without fear", "actions.md#Wait for the results"),
    ),
}
"""What many actions take, and where that is documented."""

SECTIONS = {
    "Fetch": ("actions.md#Fetch Synchronize",),
    "QueueInfo": ("queueinfo.md#QueueInfo", "queueinfo.md#Choosing", "queueinfo.md#Waiting"),
}
"""Where an action is documented, if not in the section of its name in standard.md."""

ALSO = {"synchronous": "Sync", "a": "action"}
"""Other names, in small letters."""

INVENTED = ("X", "Name", "Copy")
"""Actions of examples that no server has."""

TYPED_IN = re.compile(r"a(?:ction)?=(\w+)((?:&[^\s\"'`]*)?)")


class Problems(list[str]):
    """What does not agree, found in some pages."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        super().__init__()
        self._pages = pages
        built_in = {name: registry.declared(name) for name in registry.BUILT_IN}
        self._entries = {entry.name: entry for entry in catalogue.entries(built_in)}
        for entry in self._entries.values():
            self._action(entry)
        for whose, (parameters, where) in SHARED.items():
            text = "\n".join(self._section(place) for place in where)
            self._compare(whose, list(parameters), text, strict=whose != "every action")
        for page in pages.values():
            self._requests(page)

    def _action(self, entry: Entry) -> None:
        own = [each for each in entry.parameters if each not in ASYNCHRONOUS]
        if not re.search(rf"`{entry.name}`", "\n".join(self._pages.values())):
            self.append(f"{entry.name}: no page names it")
        for alias in entry.aliases:
            if f"`{alias}`" not in self._pages["standard.md"]:
                self.append(f"{entry.name}: its name {alias} is not told")
        places = SECTIONS.get(entry.name, (f"standard.md#{entry.name}",))
        text = "\n".join(self._section(place) for place in places)
        if own and not text:
            self.append(f"{entry.name}: no section tells what it takes")
        self._compare(entry.name, own, text)

    def _section(self, place: str) -> str:
        """Return what stands under a heading, up to the next one of its level or the first."""
        page, _, heading = place.partition("#")
        found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^##? |\Z)", self._pages[page], FLAGS)
        return found[1] if found else ""

    def _compare(self, whose: str, own: list[Parameter], text: str, *, strict: bool = True) -> None:
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        typed = re.findall(r"`&?([A-Za-z][\w-]*)(?:=([^`]*))?`", prose)
        mentioned = {name.casefold() for name in re.findall(r"`&?([\w\[\]-]+)(?:=[^`]*)?`", prose)}
        for each in own:
            if each.name.casefold() not in mentioned:
                self.append(f"{whose}: {each.name} is not documented")
            elif each.default not in (None, False) and f"`{each.default}` (the def" not in prose:
                self.append(f"{whose}: the default of {each.name} is not documented")
        for name, value in typed:
            if strict and value and name not in _settings():
                self._value(whose, [*own, *COMMON, *ASYNCHRONOUS], name, value)
        for row in _rows(text):
            self._row(whose, own, row)

    def _row(self, whose: str, own: list[Parameter], row: list[str]) -> None:
        """Compare one row of a table of parameters."""
        names, rest = _words(row[0]), " ".join(row[1:])
        meant = [each for each in own if each.name in names]
        if len(meant) < len(names):
            self.append(f"{whose}: there is no {' and '.join(names)}")
        choices = {choice for each in meant for choice in each.choices}
        if choices and set(_words(rest)) != choices:
            self.append(f"{whose}: {row[0]} may be {', '.join(sorted(choices))}")
        defaults = {str(each.default) for each in meant}
        if wrong := set(re.findall(r"`([^`]+)` \(the default\)", rest)) - defaults:
            self.append(f"{whose}: {', '.join(wrong)} is not the default of {row[0]}")

    def _requests(self, page: str) -> None:
        """Look at every request that stands in a page."""
        for action, query in TYPED_IN.findall(page):
            if action in INVENTED:
                continue
            entry = self._entries.get(action)
            if entry is None:
                self.append(f"there is no action {action}")
                continue
            takes = [*entry.parameters, *COMMON]
            for pair in filter(None, query.split("&")):
                name, _, value = pair.partition("=")
                self._value(action, takes, name, unquote(value))

    def _value(self, whose: str, takes: list[Parameter], name: str, value: str) -> None:
        """Look whether a value that stands in a page would be taken."""
        real = ALSO.get(name.casefold(), name).casefold()
        meant = [each for each in takes if each.name.casefold() == real]
        if not meant:
            self.append(f"{whose}: there is no parameter {name}")
        elif not re.fullmatch(r"\$\w+|…|[A-Z]+", value):
            try:
                checked(_Takes((meant[0],)), {meant[0].name: value})
            except InvalidParameter as error:
                self.append(f"{whose}: {name}={value}, but {error}")


class _Takes:
    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        self.parameters = parameters


FLAGS = re.DOTALL | re.MULTILINE


def _settings() -> set[str]:
    """Return the names of all settings, which the guides write in the same way."""
    return set(re.findall(r"^\| `([\w-]+)`", (DOCS / "settings.md").read_text("utf-8"), FLAGS))


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the rows of the tables of parameters."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == "Parameter":
            inside = True
        elif inside and not line.startswith("|--"):
            yield cells


def pages() -> dict[str, str]:
    return {page: (DOCS / page).read_text("utf-8") for page in PAGES}


def test_the_guides_and_the_code_agree_on_every_action_and_parameter() -> None:
    assert Problems(pages()) == []


def test_the_guide_of_queueinfo_lists_its_queue_actions() -> None:
    head = pages()["queueinfo.md"].partition("\n## ")[0]
    (declared,) = [x for x in catalogue.entries({}) if x.name == "QueueInfo"]
    (verbs,) = [x.choices for x in declared.parameters if x.name == "QueueAction"]
    listed = re.findall(r"^\| `(\w+)` \|", head.partition("| QueueAction |")[2], FLAGS)
    assert sorted(listed) == sorted(verbs)


@pytest.mark.parametrize(
    ("page", "old", "new", "problem"),
    [
        ("actions.md", "| `TaskSections` |", "| `TaskNames` |", "Fetch: there is no TaskNames"),
        ("actions.md", "TaskSections", "", "Fetch: TaskSections is not documented"),
        ("actions.md", "| `Synchronize`;", "| `Collect`;", "Fetch: `FetchAction` may be Sync"),
        ("actions.md", "=Fetch&FetchAction=Sy", "=Fetch&FetchAct=Sy", "no parameter FetchAct"),
        ("actions.md", "FetchAction=Synchronize'", "FetchAction=Hold'", "FetchAction=Hold, but"),
        ("actions.md", "`Synchronous=true`", "`Synchronous=perhaps`", "Synchronous=perhaps, but"),
        ("actions.md", "`xml` (the default)", "`xml`", "the default of ResponseFormat is not"),
        ("queueinfo.md", "`descending` (the", "`down` (the", "down is not the default of"),
        ("queueinfo.md", "| `Min-Priority`,", "| `Least`,", "there is no Least"),
        ("queueinfo.md", "`start-time`, ", "", "may be ascending, descending, finish-time"),
        ("queueinfo.md", "`Wait=8`", "`Wait`", ""),
        ("queueinfo.md", "`Wait=8`", "waiting", "QueueInfo: Wait is not documented"),
        ("queueinfo.md", "action=QueueInfo", "action=QueueInform", "no action QueueInform"),
        ("standard.md", "`GRL`", "GRL", "its name GRL is not told"),
        ("standard.md", "`200` (the default)", "`100` (the default)", "the default of Tail is not"),
        ("standard.md", "## PurgeDatastore", "## Purge", "no section tells what it takes"),
        ("standard.md", "`OtherEnvironment=true`", "`Other=true`", "no parameter Other"),
        ("standard.md", "GetRequestLog&Tail=20", "GetRequestLog&Tail=few", "Tail=few, but"),
    ],
)
def test_a_guide_that_says_otherwise_is_found(page: str, old: str, new: str, problem: str) -> None:
    changed = pages()
    assert old in changed[page]
    changed[page] = changed[page].replace(old, new)
    found = Problems(changed)
    assert any(problem in each for each in found) if problem else found == []
