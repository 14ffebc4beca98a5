"""The checker: what must hold of any history, however much was broken while it was made.

Each rule is a function that yields what it finds; its name is the rule's.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connector.jobs.states import FINAL, LEGAL, State
from tests.history.history import Fault, History, Wrote
from tests.history.lives import Life, Run, lives

OWN = re.compile(r"worker (?:finish|fail|stop|retry|release) (\d+)(?: \w+)?")
"""How `jobs.changed_by` names the attempt that ended itself."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that does not hold, of which action, and why."""

    rule: str
    token: str
    text: str


def check(history: History) -> list[Violation]:
    """Hold a history against every rule. Nothing returned means that nothing is wrong."""
    found = []
    for life in lives(history):
        for rule in OF_A_JOB:
            found += [Violation(rule.__name__, life.token, text) for text in rule(life)]
    for whole in OF_ALL:
        found += [Violation(whole.__name__, token, text) for token, text in whole(history)]
    return found


def accepted_is_kept(life: Life) -> Iterator[str]:
    if life.row is None and life.accepted:
        yield "the client was told that it is stored, and it is not"
    if life.row is None and life.runs:
        yield "it has run, and is not stored"


def everything_ends(life: Life) -> Iterator[str]:
    if life.drained and life.row and life.row["state"] not in FINAL:
        yield f"it is still {life.row['state']}, and nobody will go on with it"


def moves_are_legal(life: Life) -> Iterator[str]:
    for event in life.events:
        move = (event["source"], event["target"])
        if None not in move and move[0] != move[1] and move not in LEGAL:
            yield f"{event['event']} took it from {move[0]} to {move[1]}"


def trail_fits_row(life: Life) -> Iterator[str]:
    """Go through the trail, the ordinary moves between its events done in thought."""
    state, attempt = str(State.QUEUED), 0
    for event in [*life.events, life.row] if life.row else ():
        source = event["state"] if event is life.row else event["source"]
        if source is None:
            continue
        if state == State.QUEUED and source in (State.RUNNING, State.FINISHED, State.FAILED):
            state, attempt = str(State.RUNNING), attempt + 1
        if state == State.RUNNING and source in (State.FINISHED, State.FAILED):
            state = source
        name = event.get("event", "its row")
        if state != source:
            yield f"{name} says that it was {source}, when it was {state}"
        if event["attempt"] is not None and event["attempt"] != attempt:
            yield f"{name} is about attempt {event['attempt']}, when {attempt} was the last"
            attempt = event["attempt"]
        state = event.get("target", source)


def last_word_is_the_holders(life: Life) -> Iterator[str]:
    own = OWN.fullmatch(life.row["changed_by"]) if life.row else None
    if life.row and own and int(own[1]) != life.row["attempt"]:
        yield f"attempt {own[1]} wrote it, when {life.row['attempt']} held it"


def counts_fit_trail(life: Life) -> Iterator[str]:
    if life.row is None or life.reopened:
        return
    retries = sum(event["event"] == "retry" for event in life.events)
    # The last try ends it, and so does a stop; where a pause was asked for, a failure suspends.
    last = life.row["state"] in (State.FAILED, State.STOPPED)
    others = last + sum(event["event"] == "suspend" for event in life.events)
    if not retries <= life.row["failures"] <= retries + others:
        yield f"it counts {life.row['failures']} failures, and the trail {retries}"
    if life.row["losses"] != len(life.losses):
        yield f"it counts {life.row['losses']} losses, and the trail {len(life.losses)}"


def runs_alone(life: Life) -> Iterator[str]:
    """Two runs may overlap only if the older one was taken away from its worker, or refused."""
    for older, newer in pairs(life):
        if older.attempt == newer.attempt:
            yield f"attempt {older.attempt} began twice"
        elif older.ended is not None and older.ended.at > newer.at:
            taken = [e for e in life.losses if e["attempt"] == older.attempt]
            if not taken and older.attempt not in life.fenced:
                yield f"attempt {older.attempt} went on beside attempt {newer.attempt}"


def taken_with_cause(life: Life) -> Iterator[str]:
    """A job is taken away only from a worker that had trouble since it last renewed its lease."""
    for event in life.losses:
        held = [run for run in life.runs if run.attempt == event["attempt"]]
        later = [run.at for run in life.runs if run.attempt > event["attempt"]]
        for run in held:
            before = life.trouble(run.worker, min(later, default=float("inf")))
            if not isinstance(before, Fault):
                yield f"attempt {run.attempt} was taken from worker {run.worker}, which was well"


def no_completed_run_runs_again(life: Life) -> Iterator[str]:
    for older, newer in pairs(life):
        if older.ended is None or not older.ended.completed:
            continue
        back = [e for e in life.moves(older.attempt) if e["target"] not in FINAL]
        again = life.reopened or any((e["source"], e["target"]) in LEGAL for e in back)
        if not again:
            yield f"attempt {newer.attempt} began, when attempt {older.attempt} was complete"


def pairs(life: Life) -> Iterator[tuple[Run, Run]]:
    """Yield every two runs, the one of the earlier attempt first."""
    runs = sorted(life.runs, key=lambda run: (run.attempt, run.at))
    for number, newer in enumerate(runs):
        for older in runs[:number]:
            yield older, newer


def ended_by_its_run(life: Life) -> Iterator[str]:
    """What is finished or failed was so by itself: a failure from a fault is an action lost."""
    if life.row is None or life.row["state"] not in (State.FINISHED, State.FAILED):
        return
    ended = [r.ended for r in life.runs if r.attempt == life.row["attempt"] and r.ended]
    if life.row["state"] == State.FINISHED and not any(end.completed for end in ended):
        yield f"it is finished, but its attempt {life.row['attempt']} did not complete"
    if life.row["state"] == State.FAILED and not any(end.failed for end in ended):
        yield f"it was lost to a fault: failed ({life.row['error']}), but not by itself"


def stop_is_kept(life: Life) -> Iterator[str]:
    granted = any(a.verb == "stop" and a.answer in ("running", "stopped") for a in life.granted)
    if not granted or not life.row or life.row["state"] not in FINAL:
        return
    if life.row["state"] != State.STOPPED:
        yield f"a stop was granted, and it is {life.row['state']}"
    stops = sum(event["target"] == State.STOPPED for event in life.events)
    if life.row["state"] == State.STOPPED and stops != 1 and not life.reopened:
        yield f"it was stopped {stops} times"


def cancel_is_kept(life: Life) -> Iterator[str]:
    for asked in life.granted:
        if asked.answer != State.CANCELLED or not life.row:
            continue
        if life.row["state"] != State.CANCELLED:
            yield f"it was cancelled, and is {life.row['state']}"
        if any(run.at > asked.at for run in life.runs):
            yield "it began after it was cancelled"


def tasks_take_turns(history: History) -> Iterator[tuple[str, str]]:
    """A run that writes after another one has taken hold of the task was not kept out."""
    before: dict[str, list[tuple[str, int]]] = {}
    for note in history.notes:
        if not isinstance(note, Wrote):
            continue
        run, turns = (note.token, note.attempt), before.setdefault(note.task, [])
        if run in turns[:-1]:
            yield note.token, f"attempt {note.attempt} wrote {note.task} after another run"
        elif run not in turns:
            turns.append(run)
    for row in history.tasks:
        turns = before.get(row["task"], [])
        if turns and turns[-1] != (row["holder_token"], row["holder_attempt"]):
            yield turns[-1][0], f"it wrote {row['task']} last, and somebody else holds it"


def nothing_is_left(history: History) -> Iterator[tuple[str, str]]:
    stored = {row["token"]: row for row in history.jobs}
    registered = {row["id"] for row in history.workers}
    for token, row in stored.items():
        if row["state"] == State.RUNNING and row["worker_id"] not in registered:
            if history.drained:
                yield token, "it is running, by nobody"
    for row in history.progress:
        if row["token"] not in stored:
            yield row["token"], "it has progress, and is not stored"
    for row in history.events:
        if row["token"] not in stored:
            yield row["token"], f"it has an event ({row['event']}), and is not stored"
    for row in history.tasks:
        holder = stored.get(row["holder_token"])
        if row["holder_token"] and (holder is None or holder["attempt"] < row["holder_attempt"]):
            yield row["holder_token"], f"it holds {row['task']}, and has no such attempt"
    for row in history.begun:
        owner = stored.get(row["token"])
        if owner is None or owner["state"] in FINAL:
            yield row["token"], f"it has ended, and {row['task']} still waits for it"
    if history.drained:
        for worker in registered - history.alive:
            yield "", f"the row of worker {worker} is left"


OF_A_JOB: tuple[Callable[[Life], Iterator[str]], ...] = (
    accepted_is_kept,
    everything_ends,
    moves_are_legal,
    trail_fits_row,
    last_word_is_the_holders,
    counts_fit_trail,
    runs_alone,
    taken_with_cause,
    no_completed_run_runs_again,
    ended_by_its_run,
    stop_is_kept,
    cancel_is_kept,
)
OF_ALL: tuple[Callable[[History], Iterator[tuple[str, str]]], ...] = (
    tasks_take_turns,
    nothing_is_left,
)
