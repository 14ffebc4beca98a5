"""Checking a configuration: the server's file as it is now, or a text that a client sends."""

import os
from dataclasses import dataclass
from pathlib import Path

from connector.actions.registry import names
from connector.config import ConfigError, Settings, load
from connector.config.database import one_for_all
from connector.config.load import load_text

SENT = "Config"
"""How a text that was sent is called in messages."""

MOST = 128 << 10
"""Characters of a text that is checked: some time is spent on each, and on each two of them."""


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
    if len(text) > MOST:
        return Verdict((f"{SENT}: expected at most {MOST >> 10} KiB of text",))
    try:
        loaded = load_text(text, SENT, names())
    except ConfigError as error:
        return Verdict(error.problems)
    return Verdict((), loaded.warnings)
