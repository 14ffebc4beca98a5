"""A history told by action: the life of each, with its row, its trail, and its runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.jobs.states import State
from tests.history.history import (
    Asked,
    Began,
    Ended,
    Fault,
    History,
    Renewed,
    Row,
    Submitted,
    Wrote,
)


@dataclass(slots=True)
class Run:
    """A run as it noted itself."""

    attempt: int
    worker: str
    at: float
    ended: Ended | None = None


@dataclass(slots=True)
class Life:
    """What is known of one action. `row`: None if it is not stored; `weather`: faults, beats."""

    token: str
    drained: bool
    weather: list[Fault | Renewed]
    accepted: bool = False
    row: Row | None = None
    events: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def reopened(self) -> bool:
        """Whether an operator had it queued again after it had ended."""
        return any(event["event"] == "reopen" for event in self.events)

    @property
    def granted(self) -> list[Asked]:
        """What clients were told since it was last reopened."""
        again = [n for n, a in enumerate(self.asked) if a.verb == "reopen" and a.answer == "queued"]
        return self.asked[again[-1] + 1 if again else 0 :]

    @property
    def losses(self) -> list[Row]:
        """Events in which somebody else than its worker took it away from a run."""
        return [
            event
            for event in self.events
            if event["source"] == State.RUNNING
            and event["event"] in ("release", "suspend", "stop")
            and event["actor"] != "worker"
        ]

    @property
    def fenced(self) -> set[int]:
        """Attempts of which a write was refused."""
        return {event["attempt"] for event in self.events if event["event"] == "fenced"}

    def moves(self, attempt: int) -> Iterator[Row]:
        """Yield the events that moved it while an attempt was its newest."""
        for event in self.events:
            if event["attempt"] == attempt and event["source"] != event["target"]:
                yield event

    def trouble(self, worker: str, until: float) -> Fault | Renewed | None:
        """Return what a worker was last known for at a moment: a fault, or a lease renewed."""
        last: Fault | Renewed | None = None
        for note in self.weather:
            about = note.worker if isinstance(note, Renewed) else note.detail or worker
            if note.at <= until and about == worker:
                last = note
        return last


def lives(history: History) -> list[Life]:
    """Return the life of every action that a history tells of."""
    weather = [note for note in history.notes if isinstance(note, Fault | Renewed)]
    found: dict[str, Life] = {}

    def of(token: str) -> Life:
        return found.setdefault(token, Life(token, history.drained, weather))

    for note in history.notes:
        match note:
            case Submitted():
                of(note.token).accepted |= note.accepted
            case Began():
                of(note.token).runs.append(Run(note.attempt, note.worker, note.at))
            case Ended():
                _end(of(note.token).runs, note)
            case Asked():
                of(note.token).asked.append(note)
            case Wrote() | Fault() | Renewed():
                pass
    for row in history.jobs:
        of(row["token"]).row = row
    for event in sorted(history.events, key=lambda event: event["id"]):
        of(event["token"]).events.append(event)
    return list(found.values())


def _end(runs: list[Run], note: Ended) -> None:
    for run in reversed(runs):
        if (run.attempt, run.worker) == (note.attempt, note.worker) and run.ended is None:
            run.ended = note
            return
    raise ValueError(f"the end of a run that has not begun: {note}")
