"""Hides the secrets that an action was given in all that it tells: results, errors, lines.

What is hidden is a value as it was given, also as it stands in a representation of Python or in
JSON. Parts of it, other encodings, and what a program that the action starts writes are not known.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TextIO, cast

from connector import log
from connector.actions.action import Failed, Finished, Outcome, Release, Retry
from connector.config.values import MASK

SHORTEST = 4
"""Characters; what is shorter is a secret that words and numbers hold by chance."""


class Hiding:
    """Puts the mask in the place of some values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may begin with another.
        forms = sorted({form for each in secrets for form in _forms(each)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms)))
        self._whole = frozenset(forms)

    def text(self, text: str) -> str:
        """Return a text without them."""
        return self._pattern.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """Return a value as JSON has it without them; what is of another kind stays as it is."""
        match value:
            case str():
                return self.text(value)
            case bool() | None:
                return value
            case int() | float():
                return MASK if str(value) in self._whole else value
            case list() | tuple():
                return [self.value(each) for each in value]
            case Mapping():
                return {self.value(key): self.value(each) for key, each in value.items()}
        return value

    def fact(self, value: object) -> object:
        """Return a fact of a log line without them, whatever it is."""
        hidden = self.value(value)
        if hidden is value and self._pattern.search(said := repr(value)):
            return self.text(said)  # an exception, a path
        return hidden

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome without them; a wrong one is left to whoever refuses it."""
        try:
            match outcome:
                case Finished(result):
                    return replace(outcome, result=self.value(result))
                case Failed(error, result):
                    return replace(outcome, error=self.text(error), result=self.value(result))
                case Retry(error):
                    return replace(outcome, error=self.text(error))
                case Release(reason):
                    return replace(outcome, reason=self.text(reason))
        except (TypeError, RecursionError):
            pass
        return outcome


class _Stream:
    """A stream of text that hides what is written to it."""

    def __init__(self, stream: TextIO, hiding: Hiding) -> None:
        self._stream = stream
        self._hiding = hiding

    def write(self, text: str) -> int:
        """Write a text."""
        self._stream.write(self._hiding.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write some."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hide(sent: Mapping[str, Any], opened: Mapping[str, Any]) -> Hiding | None:
    """Hide in this process's log and prints what differs between the two; None: nothing does.

    A thread that an action leaves behind may still print: so it lasts until the next action that
    has secrets.
    """
    if sent is opened:
        return None
    found = [str(value) for name, value in opened.items() if value is not sent.get(name)]
    secrets = [each for each in found if len(each) >= SHORTEST]
    if not secrets:
        return None
    hiding = Hiding(secrets)
    log.hide(hiding.fact)
    sys.stdout, sys.stderr = _covered(sys.stdout, hiding), _covered(sys.stderr, hiding)
    return hiding


def _covered(stream: TextIO, hiding: Hiding) -> TextIO:
    bare = stream._stream if isinstance(stream, _Stream) else stream
    return cast(TextIO, _Stream(bare, hiding))


def _forms(secret: str) -> set[str]:
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    return forms | {json.dumps(form)[1:-1] for form in forms}
