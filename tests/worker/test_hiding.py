"""Secrets of an action in what it tells: hidden, whatever form Python or JSON has given them."""

import json
import sys
from typing import Any

import pytest

from connector import log
from connector.actions.action import Failed, Finished, Outcome, Release, Retry
from connector.worker.hiding import Hiding, hide


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of what is hidden here is left behind."""
    monkeypatch.setattr(log, "_hiding", [])
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("a hunter2, and hunter22", "a ***, and ***2"),
        ({"hunter2": ["hunter2", {"x": "hunter2"}]}, {"***": ["***", {"x": "***"}]}),
        ([4711, 47110, True, None, 1.5], ["***", 47110, True, None, 1.5]),
        (repr("it's\n") + json.dumps(repr("it's\n")), '"***""\\"***\\""'),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(told: Any, seen: Any) -> None:
    assert Hiding(["hunter2", "4711", "it's\n"]).value(told) == seen


def test_of_two_secrets_of_which_one_begins_with_the_other_nothing_is_left() -> None:
    assert Hiding(["hunter", "hunter2"]).text("hunter2 hunter") == "*** ***"


@pytest.mark.parametrize(
    "outcome",
    [
        Finished({"a": "geheim"}),
        Failed("geheim", {"a": "geheim"}),
        Retry("geheim"),
        Release("geheim", 1.0),
    ],
)
def test_no_outcome_tells_it(outcome: Outcome) -> None:
    hidden = Hiding(["geheim"]).outcome(outcome)
    assert type(hidden) is type(outcome) and "geheim" not in str(hidden) and "***" in str(hidden)


def test_what_is_no_outcome_is_left_to_whoever_refuses_it() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for wrong in (Finished({"x": endless}), Failed(1), None, Finished({"x": {2}})):  # type: ignore[arg-type]
        Hiding(["geheim"]).outcome(wrong)  # type: ignore[arg-type]


def test_only_what_was_sealed_and_is_no_short_word_is_hidden() -> None:
    sent = {"A": {"$secret": "x"}, "B": {"$secret": "y"}, "C": "public"}
    hiding = hide(sent, {**sent, "A": "geheim", "B": "abc"})
    assert hiding is not None and hiding.text("geheim abc public") == "*** abc public"
    assert hide(sent, {**sent, "A": "abc"}) is None and hide(sent, sent) is None


def test_prints_are_covered_once_whatever_number_of_actions_had_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for secret in ("first", "second"):
        hide({"A": {"$secret": "x"}}, {"A": secret})
    print("the second one")
    sys.stderr.writelines(["second\n", "first\n"])
    assert tuple(capsys.readouterr()) == ("the *** one\n", "***\nfirst\n")
