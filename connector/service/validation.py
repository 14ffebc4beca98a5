"""Checking a configuration: the server's file as it is now, or a text that a client sends."""

import os
from dataclasses import dataclass
from pathlib import Path

from connector.actions.registry import names
from connector.config import ConfigError, Settings, load
from connector.config.database import one_for_all
from connector.config.include import parse
from connector.config.ini import fold
from connector.config.load import setting_keys
from connector.config.settings import SECTIONS, keys

SENT = "Config"
"""How a text that was sent is called in messages."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, and what is worth a warning: one sentence each."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def check_file(config: str, settings: Settings) -> Verdict:
    """Check the file that the server was started with, as it is now; "": the usual one.

    The database is the one in use: what sets it is not in the environment of every process.
    """
    url = settings.database.url.get_secret_value()
    try:
        loaded = load(Path(config) if config else None, os.environ, one_for_all(url), names())
    except ConfigError as error:
        return Verdict(error.problems)
    return Verdict((), loaded.warnings)


def check_text(text: str) -> Verdict:
    """Check a configuration that was sent. It reaches no file: what names one is refused."""
    try:
        document = parse(text, SENT, folder=None)
    except ConfigError as error:
        return Verdict(error.problems)
    of_files = _keys_of_files()
    named = [
        f"{entry.origin}: {entry.key} names a file, which is not read for a text that was sent; "
        "leave it out"
        for section in document.sections
        for entry in section.entries
        if fold(entry.key) in of_files
    ]
    return Verdict(tuple(named)) if named else _loaded(text)


def _loaded(text: str) -> Verdict:
    descriptor = os.memfd_create("config")
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, text.encode())
        path = f"/proc/self/fd/{descriptor}"
        try:
            loaded = load(Path(path), {}, {}, names())
        except ConfigError as error:
            return Verdict(tuple(said.replace(path, SENT) for said in error.problems))
        return Verdict((), tuple(said.replace(path, SENT) for said in loaded.warnings))
    finally:
        os.close(descriptor)


def _keys_of_files() -> set[str]:
    """Return the names, folded, of keys that say where a secret stands."""
    found: set[str] = set()
    for model in SECTIONS.values():
        found |= {fold(key) for key in setting_keys(model)} - set(map(fold, keys(model).values()))
    return found
