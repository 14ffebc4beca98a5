"""What must hold of every action when all is over, by its row, its trail and its trace."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Database, Tx
from connector.jobs.states import FINAL, State
from connector.jobs.tables import job_events, jobs, workers
from tests.chaos.load import Submission
from tests.chaos.trace import Note

ENDS = {"error": State.FAILED}
"""How an action ends if nobody stops it; else finished."""

CLEAR = {"Cancelled": State.CANCELLED, "Stopped": State.STOPPED, "Processing": State.STOPPED}
"""The status that answered Stop or Cancel, and how the action must end then."""


@dataclass(slots=True)
class Verdict:
    """What was found: sentences by kind."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Anything else that must not be."""
    left: list[str] = field(default_factory=list)
    ended: int = 0
    """Accepted actions in a final state: the others are among the lost."""
    fenced: int = 0
    """Overlaps of runs of which one had lost its lease, to another host."""
    repeated: int = 0
    """Runs that had come to their end when they were lost, before the end was recorded."""

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.lost, *self.doubled, *self.wrong, *self.left]


def check(
    database: Database,
    submissions: Sequence[Submission],
    traced: dict[str, list[Note]],
    *,
    one_host: bool,
) -> Verdict:
    """Compare what clients were told with rows, trail and trace."""
    rows, events = database.read(_stored)
    verdict = Verdict()
    by_mark: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows.values():
        by_mark[row.action_id].append(row)
    for submission in submissions:
        found = by_mark.pop(submission.mark, [])
        if len(found) > 1:
            verdict.doubled.append(f"{submission.mark} is stored {len(found)} times")
        if submission.token is not None and submission.token not in rows:
            verdict.lost.append(f"{submission.token} was accepted and is not there")
        for row in found:
            _ended(verdict, submission, row)
    for token, notes in traced.items():
        if token not in rows:
            verdict.wrong.append(f"{token} has run and is not there")
        else:
            _runs(verdict, token, notes, events[token], one_host)
    verdict.left += [f"the row of worker {worker} is left" for worker in database.read(_workers)]
    return verdict


def _ended(verdict: Verdict, submission: Submission, row: Any) -> None:
    told = f"{row.token} ({submission.do}, asked {submission.asked}) is {row.state}: {row.error}"
    clear = {CLEAR[status] for _, status in submission.asked if status in CLEAR}
    may = {ENDS.get(submission.do, State.FINISHED)}
    if clear:
        may = clear
    elif submission.asked:
        may |= {State.STOPPED, State.CANCELLED}
    if row.state not in {str(state) for state in FINAL}:
        verdict.lost.append(told)
        return
    verdict.ended += submission.token is not None
    if row.state not in {str(state) for state in may}:
        (verdict.lost if row.state == State.FAILED else verdict.wrong).append(told)


def _runs(
    verdict: Verdict, token: str, notes: Sequence[Note], events: Iterable[Any], one_host: bool
) -> None:
    lost = {event.attempt for event in events if event.event in ("release", "retry", "fenced")}
    starts = Counter(note.attempt for note in notes if note.word == "start")
    verdict.doubled += [
        f"attempt {attempt} of {token} has begun {times} times"
        for attempt, times in starts.items()
        if times > 1
    ]
    newest, saved = 0, 0
    overlapped: set[int] = set()
    for note in notes:
        if note.word == "start":
            newest = max(newest, note.attempt)
        if note.attempt < newest:
            overlapped.add(note.attempt)
        elif note.word == "saved":
            saved = int(note.detail)
        elif note.word == "from" and int(note.detail) < saved:
            verdict.wrong.append(f"{token} went on from {note.detail}, not from {saved}")
    for attempt in overlapped:
        if attempt in lost and not one_host:
            verdict.fenced += 1
        else:
            verdict.doubled.append(f"attempt {attempt} of {token} ran beside a later one: {notes}")
    for note in notes:
        if note.word == "end" and note.detail == "Finished" and note.attempt < newest:
            if note.attempt in lost:
                verdict.repeated += 1
            else:
                verdict.doubled.append(f"{token} ran again after its attempt {note.attempt}")


def _stored(tx: Tx) -> tuple[dict[str, Any], defaultdict[str, list[Any]]]:
    columns = (jobs.c.token, jobs.c.state, jobs.c.error, jobs.c.action_id)
    rows = {row.token: row for row in tx.execute(sa.select(*columns))}
    events: defaultdict[str, list[Any]] = defaultdict(list)
    select = sa.select(job_events.c.token, job_events.c.event, job_events.c.attempt)
    for event in tx.execute(select):
        events[event.token].append(event)
    return rows, events


def _workers(tx: Tx) -> list[str]:
    return list(tx.execute(sa.select(workers.c.id)).scalars())
