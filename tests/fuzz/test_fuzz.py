"""The part of the fuzzing that the suite does: what was found once, what clients send, and a little
of what the grammar makes. `scripts/fuzz` does the rest.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.requests import SENT, a_conversation
from tests.fuzz.seeds import CORPUS, seeds
from tests.fuzz.sockets import Line, line
from tests.fuzz.trial import Trial, trial


@pytest.fixture(scope="module")
def judged() -> Iterator[Trial]:
    with trial() as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Line]:
    with line() as made:
        yield made


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.http")), ids=lambda path: path.stem)
def test_what_was_found_once_is_not_found_again(judged: Trial, path: Path) -> None:
    assert judged.judge(path.read_bytes()) == []


def test_every_action_and_verb_is_answered_as_it_should_be(judged: Trial) -> None:
    wrong = {data: found for data in seeds() if (found := judged.judge(data))}
    assert not wrong
    assert judged.requests > 100


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(a_conversation())
def test_whatever_the_grammar_makes_keeps_all_rules(
    judged: Trial, server: Line, data: bytes
) -> None:
    judged.secrets = (SENT,)
    assert judged.judge(data, server.converse) == []
