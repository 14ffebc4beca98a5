"""Where values come from, and which source wins: file < environment < flags.

Each section is assembled by itself first, so that a task's section in the file still wins over
``[FetchTasks]`` in the environment.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from connector.config.ini import Document, Entry, fold

PREFIX = "CONNECTOR_"
CONFIG_VARIABLE = "CONNECTOR_CONFIG"
"""Environment variable that names the configuration file; no setting."""

NATIVE_TOKEN = "WEBEX_ACCESS_TOKEN"
"""Environment variable of Webex programs; below our own variables, above the file."""


class Layer(IntEnum):
    """The sources, weakest first."""

    FILE = 0
    NATIVE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True)
class Given:
    """The values that one source gives for one key. ``source`` says where, for people."""

    section: str
    key: str
    values: tuple[str, ...]
    source: str
    layer: Layer
    places: tuple[tuple[str, str], ...] = ()
    """File and source of each value, to tell a slip from an override of an included file."""

    @property
    def text(self) -> str:
        """The value that counts where one is wanted: the last."""
        return self.values[-1]


class Table:
    """All values given, the strongest for each section and key. Names in any case."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, Given]] = {}
        self._sections: dict[str, tuple[str, str]] = {}

    def put(self, given: Given) -> None:
        """Add a value; it replaces one of a weaker or the same source."""
        self._sections.setdefault(fold(given.section), (given.section, given.source))
        of_section = self._given.setdefault(fold(given.section), {})
        weaker = of_section.get(fold(given.key))
        if weaker is None or weaker.layer <= given.layer:
            of_section[fold(given.key)] = given

    def put_document(self, document: Document) -> None:
        """Add all of a file; repeated keys become one Given with several values."""
        for section in document.sections:
            self._sections.setdefault(fold(section.name), (section.name, str(section.origin)))
            by_key: dict[str, list[Entry]] = {}
            for entry in section.entries:
                by_key.setdefault(fold(entry.key), []).append(entry)
            for entries in by_key.values():
                self.put(
                    Given(
                        section.name,
                        entries[-1].key,
                        tuple(e.value for e in entries),
                        str(entries[-1].origin),
                        Layer.FILE,
                        tuple((e.origin.file, str(e.origin)) for e in entries),
                    )
                )

    def put_environment(
        self, environ: Mapping[str, str], section: str, keys: Iterable[str]
    ) -> Iterator[str]:
        """Add the variables of a section's keys; yields the names found. Empty ones are left."""
        for key in keys:
            name = environment_name(section, key)
            if name in environ:
                if environ[name]:
                    source = f"environment {name}"
                    self.put(Given(section, key, (environ[name],), source, Layer.ENVIRONMENT))
                yield name

    def put_flags(self, flags: Mapping[str, str]) -> Iterator[str]:
        """Add flags named ``Section.Key``; yields the names that have no such form."""
        for name, value in flags.items():
            section, dot, key = name.rpartition(".")
            if dot and section and key:
                self.put(Given(section, key, (value,), f"flag {name}", Layer.FLAG))
            else:
                yield name

    def get(self, section: str, key: str) -> Given | None:
        """What is given for a key, or None."""
        return self._given.get(fold(section), {}).get(fold(key))

    def of(self, section: str) -> list[Given]:
        """All that is given for a section."""
        return list(self._given.get(fold(section), {}).values())

    def sections(self) -> Mapping[str, tuple[str, str]]:
        """Folded name → name as spelled and where it was seen first."""
        return self._sections


def environment_name(section: str, key: str) -> str:
    """The variable of a setting: ``CONNECTOR_SERVER_PORT``. Signs in names become ``_``."""
    return PREFIX + re.sub(r"[^A-Z0-9_]", "_", f"{section}_{key}".upper())


def task_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """The keys of ``[FetchTasks]`` that number a task and stand in the environment."""
    for name in environ:
        if match := re.fullmatch(r"CONNECTOR_FETCHTASKS_([0-9]+)", name, re.ASCII):
            yield match[1]
