"""Warnings about names that nobody reads, with the name that was probably meant."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

from connector.config.ini import fold
from connector.config.sources import CONFIG_VARIABLE, PREFIX, Given, Table, environment_name

Known = Mapping[str, Collection[str]]
"""Section name → its keys, as spelled in the documentation."""


def unknown_names(table: Table, known: Known) -> Iterator[str]:
    """A sentence for each unknown section, and each unknown key of a known one.

    Values are never shown: an unknown key may be a misspelt secret.
    """
    sections = {fold(name): name for name in known}
    homes = {fold(key): name for name in reversed([*known]) for key in known[name]}
    for folded, (spelled, source) in table.sections().items():
        if folded not in sections:
            yield f"[{spelled}] ({source}) is not a known section{_section_hint(spelled, known)}"
            continue
        keys = known[sections[folded]]
        for given in table.of(folded):
            if fold(given.key) not in map(fold, keys):
                hint = _meant(given.key, keys) or _elsewhere(given, homes)
                yield f"[{spelled}] {given.key} ({given.source}) is not a known key{hint}"


def unknown_variables(environ: Iterable[str], read: Collection[str], known: Known) -> Iterator[str]:
    """A sentence for each ``CONNECTOR_`` variable that nobody reads."""
    names = [environment_name(section, key) for section, keys in known.items() for key in keys]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in read and name != CONFIG_VARIABLE:
            yield f"environment {name} is not a known setting{_meant(name, names)}"


def _meant(name: str, choices: Iterable[str]) -> str:
    spelled = {fold(choice): choice for choice in choices}
    close = get_close_matches(fold(name), spelled, n=1, cutoff=0.75)
    return f"; did you mean {spelled[close[0]]}?" if close else ""


def _section_hint(name: str, known: Known) -> str:
    close = _meant(name, known)
    return close or "; a task must be listed in [FetchTasks], as in 0=" + name


def _elsewhere(given: Given, homes: Mapping[str, str]) -> str:
    home = homes.get(fold(given.key))
    return f"; it belongs in [{home}]" if home else ""
