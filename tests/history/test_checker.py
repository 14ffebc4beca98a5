"""The checker finds what it is there for: each rule a history that breaks it, and it alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.history.checker import OF_A_JOB, OF_ALL, check
from tests.history.history import (
    Asked,
    Began,
    Ended,
    Fault,
    History,
    Note,
    Renewed,
    Row,
    Submitted,
    Wrote,
)

ACCEPTED = Submitted("t", True)
FIRST, WELL = Began("t", 1, "w", 1.0), Ended("t", 1, "w", 2.0, True)
KILLED = Ended("t", 1, "w", 2.0, False)
FROZEN = Fault("freeze", 1.5, "w")
SECOND, THEN = Began("t", 2, "v", 3.0), Ended("t", 2, "v", 4.0, True)


def row(state: str = "finished", attempt: int = 1, **more: object) -> Row:
    plain: Row = {
        "token": "t",
        "state": state,
        "attempt": attempt,
        "failures": 0,
        "losses": 0,
        "worker_id": None,
        "changed_by": f"worker finish {attempt}",
        "error": None,
    }
    return plain | more


def event(name: str, source: str | None, target: str | None, **more: object) -> Row:
    plain: Row = {
        "id": 1,
        "token": "t",
        "event": name,
        "source": source,
        "target": target,
        "attempt": 1,
        "actor": "worker",
    }
    return plain | more


def history(notes: Sequence[Note], job: Row | None = None, *events: Row) -> History:
    return History(tuple(notes), (job,) if job else (), events)


RELEASED = event("release", "running", "queued")
LOST = event("release", "running", "queued", actor="worker v")
STOPPED = event("stop", "running", "stopped")
CANCELLED = event("cancel", "queued", "cancelled", attempt=None)
HOLDER = {"task": "A", "holder_token": "t", "holder_attempt": 1}

GOOD = {
    "one run": history([ACCEPTED, FIRST, WELL], row()),
    "handed back": history([ACCEPTED, FIRST, KILLED, SECOND, THEN], row(attempt=2), RELEASED),
    "lost, and the first run went on": history(
        [ACCEPTED, FIRST, FROZEN, SECOND, THEN, replace(WELL, at=5.0)],
        row(attempt=2, losses=1),
        LOST,
        event("fenced", None, None, id=2),
    ),
    "stopped": history(
        [ACCEPTED, FIRST, Asked("t", "stop", "running", 1.5), KILLED],
        row("stopped", changed_by="worker stop 1"),
        STOPPED,
    ),
    "cancelled": history(
        [ACCEPTED, Asked("t", "cancel", "cancelled", 1.0)], row("cancelled", 0), CANCELLED
    ),
    "cancelled, and tried again": history(
        [
            ACCEPTED,
            Asked("t", "cancel", "cancelled", 0.1),
            Asked("t", "reopen", "queued", 0.2),
            FIRST,
            WELL,
        ],
        row(),
        CANCELLED,
        event("reopen", "cancelled", "queued", id=2, attempt=None),
    ),
    "never told": history([Submitted("t", False)]),
    "tried until it failed": history(
        [ACCEPTED, FIRST, replace(KILLED, failed=True), SECOND, replace(THEN, failed=True)],
        row("failed", 2, failures=2),
        event("retry", "running", "queued"),
    ),
    "two runs of a task": replace(
        history(
            [FIRST, Wrote("A", "t", 1, 1.5), KILLED, SECOND, Wrote("A", "t", 2, 3.5), THEN],
            row(attempt=2),
            RELEASED,
        ),
        tasks=(HOLDER | {"holder_attempt": 2},),
    ),
    "not at its end": replace(history([ACCEPTED], row("queued", 0)), drained=False),
}

BAD = {
    "accepted_is_kept": [
        history([ACCEPTED]),
        history([FIRST, WELL]),
    ],
    "everything_ends": [history([ACCEPTED], row("queued", 0))],
    "moves_are_legal": [
        history(
            [FIRST, WELL, SECOND, THEN],
            row(attempt=2),
            event("by hand", "finished", "queued"),
        )
    ],
    "trail_fits_row": [
        history([FIRST, KILLED, SECOND, THEN], row(attempt=2)),
        history([FIRST, WELL], row(), RELEASED),
        history([FIRST, KILLED, SECOND, THEN], row(attempt=2), RELEASED, RELEASED | {"id": 2}),
    ],
    "last_word_is_the_holders": [
        history(
            [FIRST, KILLED, SECOND, THEN], row(attempt=2, changed_by="worker finish 1"), RELEASED
        )
    ],
    "counts_fit_trail": [
        history([FIRST, WELL], row(failures=1)),
        history([FIRST, FROZEN, KILLED, SECOND, THEN], row(attempt=2), LOST),
    ],
    "runs_alone": [
        history([FIRST, SECOND, THEN, replace(KILLED, at=5.0)], row(attempt=2), RELEASED),
        history([FIRST, replace(FIRST, worker="v", at=1.5), WELL], row()),
    ],
    "taken_with_cause": [
        history([FIRST, KILLED, SECOND, THEN], row(attempt=2, losses=1), LOST),
        history(
            [FIRST, FROZEN, Renewed("w", 1.7), KILLED, SECOND, THEN],
            row(attempt=2, losses=1),
            LOST,
        ),
    ],
    "no_completed_run_runs_again": [
        history([FIRST, WELL, SECOND, THEN], row(attempt=2)),
        history([FIRST, WELL, SECOND, THEN], row(), event("by hand", "finished", "queued")),
    ],
    "ended_by_its_run": [
        history([FIRST, KILLED], row()),
        history([FIRST, KILLED], row("failed", error="its process died")),
        history([ACCEPTED], row(attempt=0)),
    ],
    "stop_is_kept": [
        history([FIRST, Asked("t", "stop", "running", 1.5), WELL], row()),
        history(
            [FIRST, Asked("t", "stop", "running", 1.5), KILLED],
            row("stopped"),
            STOPPED,
            STOPPED | {"id": 2},
        ),
    ],
    "cancel_is_kept": [
        history([Asked("t", "cancel", "cancelled", 0.5), FIRST, WELL], row()),
        history(
            [Asked("t", "stop", "cancelled", 0.5), FIRST, KILLED], row("cancelled", 0), CANCELLED
        ),
    ],
    "tasks_take_turns": [
        history(
            [
                FIRST,
                Wrote("A", "t", 1, 1.5),
                SECOND,
                Wrote("A", "t", 2, 3.5),
                Wrote("A", "t", 1, 3.7),
            ],
            row(attempt=2),
            RELEASED,
        ),
        replace(
            history([FIRST, Wrote("A", "t", 1, 1.5), WELL], row()),
            tasks=(HOLDER | {"holder_token": None},),
        ),
    ],
    "nothing_is_left": [
        history([FIRST], row("running")),
        replace(history([FIRST, WELL], row()), progress=({"token": "u"},)),
        replace(history([FIRST, WELL], row()), tasks=(HOLDER | {"holder_attempt": 2},)),
        replace(history([FIRST, WELL], row()), workers=({"id": "w"},)),
        replace(history([FIRST, WELL], row()), begun=({"task": "A", "token": "t"},)),
        history([], None, CANCELLED),
    ],
}


@pytest.mark.parametrize("good", GOOD.values(), ids=list(GOOD))
def test_nothing_is_found_where_nothing_is_wrong(good: History) -> None:
    assert check(good) == []


@pytest.mark.parametrize(
    ("rule", "bad"),
    [(rule, bad) for rule, histories in BAD.items() for bad in histories],
    ids=[f"{rule}-{n}" for rule, histories in BAD.items() for n in range(len(histories))],
)
def test_what_breaks_a_rule_is_found(rule: str, bad: History) -> None:
    assert rule in {violation.rule for violation in check(bad)}


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert {rule.__name__ for rule in (*OF_A_JOB, *OF_ALL)} == set(BAD)


def test_the_end_of_a_run_that_never_began_is_an_error_of_the_rig() -> None:
    with pytest.raises(ValueError, match="has not begun"):
        check(history([WELL], row()))
