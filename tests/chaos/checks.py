"""What must hold of every action when all is over: the history's rules, and those of this rig."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connector.db.engine import Database
from connector.jobs.states import FINAL
from tests.chaos.load import Submission
from tests.chaos.trace import Note
from tests.history import history
from tests.history.checker import check as check_history
from tests.history.history import Asked, Began, Ended, Fault, History, Row, Submitted

STATES = {"Cancelled": "cancelled", "Stopped": "stopped", "Processing": "running"}
"""The word that answered Stop or Cancel, and the state it stands for."""

LOST = {"accepted_is_kept", "everything_ends", "ended_by_its_run"}
DOUBLED = {"runs_alone", "no_completed_run_runs_again"}
LEFT = {"nothing_is_left"}


@dataclass(slots=True)
class Verdict:
    """What was found: sentences by kind."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Anything else that must not be."""
    ended: int = 0
    """Accepted actions in a final state: the others are among the lost."""
    fenced: int = 0
    """Runs that went on beside a later one of another host, and were not listened to."""
    repeated: int = 0
    """Runs that had come to their end when they were lost, before the end was recorded."""

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.lost, *self.doubled, *self.wrong, *self.left]

    def add(self, rule: str, text: str) -> None:
        """Put a sentence where it belongs."""
        kinds = ((LOST, self.lost), (DOUBLED, self.doubled), (LEFT, self.left))
        found = next((kind for rules, kind in kinds if rule in rules), self.wrong)
        found.append(f"{rule}: {text}")


def check(
    database: Database,
    submissions: Sequence[Submission],
    traced: Mapping[str, Sequence[Note]],
    faults: Iterable[tuple[str, float]],
    *,
    one_host: bool,
) -> Verdict:
    """Compare what clients were told with rows, trail and trace. `faults`: name and moment."""
    stored = history.recorded(database, (), drained=True)
    notes = [
        *_asked(submissions),
        *(note for runs in traced.values() for note in _ran(runs)),
        *(Fault(name, at, "") for name, at in faults),
    ]
    known = [*_submitted(submissions, stored.jobs), *sorted(notes, key=lambda note: note.at)]
    whole = History(
        tuple(known), stored.jobs, stored.events, stored.workers, stored.progress, stored.tasks
    )
    verdict = Verdict()
    for violation in check_history(whole):
        verdict.add(violation.rule, f"{violation.token} {violation.text}")
    for text in _stored_twice(stored.jobs):
        verdict.add("no_completed_run_runs_again", text)
    for token, runs in traced.items():
        _goes_on(verdict, token, runs)
        _overlaps(verdict, token, runs, one_host)
    accepted = {submission.token for submission in submissions if submission.token}
    verdict.ended = sum(row["token"] in accepted and row["state"] in FINAL for row in stored.jobs)
    return verdict


def _submitted(submissions: Sequence[Submission], rows: Sequence[Row]) -> Iterator[Submitted]:
    for submission in submissions:
        if submission.token is not None:
            yield Submitted(submission.token, True)
    answered = {submission.token for submission in submissions}
    for row in rows:
        if row["token"] not in answered:
            yield Submitted(row["token"], False)


def _asked(submissions: Sequence[Submission]) -> Iterator[Asked]:
    for submission in submissions:
        for verb, answer, at in submission.asked:
            yield Asked(submission.token or "", verb.lower(), STATES.get(answer, ""), at)


def _ran(notes: Sequence[Note]) -> Iterator[Began | Ended]:
    """Tell the runs of one action; one that was killed ended with its last sign of life."""
    for start in notes:
        if start.word != "start":
            continue
        run = (start.token, start.attempt, start.worker)
        own = [n for n in notes if n.pid == start.pid and n.attempt == start.attempt]
        last = own[-1]
        yield Began(*run, start.at)
        yield Ended(
            *run,
            last.at,
            completed=last.word == "end" and last.detail == "Finished",
            failed=last.word == "left" and last.detail == "ValueError",
        )


def _stored_twice(rows: Sequence[Row]) -> Iterator[str]:
    seen = set()
    for row in rows:
        if row["action_id"] in seen:
            yield f"{row['action_id']} was sent once and is stored twice"
        seen.add(row["action_id"])


def _goes_on(verdict: Verdict, token: str, notes: Sequence[Note]) -> None:
    """A later attempt begins at the last checkpoint that an earlier one was told is stored."""
    newest = saved = 0
    for note in notes:
        newest = max(newest, note.attempt)
        if note.word == "saved" and note.attempt == newest:
            saved = int(note.detail)
        elif note.word == "from" and int(note.detail) < saved:
            verdict.add("checkpoint_is_kept", f"{token} went on from {note.detail}, not {saved}")


def _overlaps(verdict: Verdict, token: str, notes: Sequence[Note], one_host: bool) -> None:
    newest = max(note.attempt for note in notes)
    verdict.repeated += sum(
        note.word == "end" and note.detail == "Finished" and note.attempt < newest for note in notes
    )
    begun, beside = 0, set()
    for note in notes:
        begun = max(begun, note.attempt)
        if note.attempt < begun:
            beside.add(note.attempt)
    if one_host:
        for attempt in beside:
            verdict.add("runs_alone", f"{token} {attempt} went on, and no other host was there")
    else:
        verdict.fenced += len(beside)
