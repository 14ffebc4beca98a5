"""The grid: one line a fault and engine, summed over all rounds."""

from dataclasses import dataclass, field

from tests.chaos.rig import Outcome

HEAD = (
    "Fault",
    "Engine",
    "Submitted",
    "Accepted",
    "Lost",
    "Doubled",
    "Repeated",
    "Fenced",
    "Back in (s)",
    "Rate after ÷ before",
)


@dataclass
class Row:
    """One cell's sums."""

    outcomes: list[Outcome] = field(default_factory=list)
    why_not: str = ""

    def cells(self) -> list[str]:
        """Return what stands in the table after fault and engine."""
        if self.why_not:
            return [f"– {self.why_not}", *[""] * 7]
        verdicts = [outcome.verdict for outcome in self.outcomes]
        back = [seconds for outcome in self.outcomes for seconds in outcome.back]
        before = sum(outcome.before for outcome in self.outcomes)
        after = sum(outcome.after for outcome in self.outcomes)
        return [
            str(sum(outcome.submitted for outcome in self.outcomes)),
            str(sum(outcome.accepted for outcome in self.outcomes)),
            str(sum(len(verdict.lost) for verdict in verdicts)),
            str(sum(len(verdict.doubled) for verdict in verdicts)),
            str(sum(verdict.repeated for verdict in verdicts)),
            str(sum(verdict.fenced for verdict in verdicts)),
            f"{max(back):.1f}" if back else "never",
            f"{after / before:.2f} ({after:.0f} ÷ {before:.0f})" if before else "none",
        ]


class Grid:
    """All cells so far. `bad`: what must not be, in sentences."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self._rows: dict[tuple[str, str], Row] = {}

    def add(self, fault: str, engine: str, outcome: Outcome, measured: bool) -> str:
        """Add an outcome and return it as a line. `measured`: losses are no faults."""
        self._rows.setdefault((fault, engine), Row()).outcomes.append(outcome)
        line = " · ".join([fault, engine, *Row([outcome]).cells()])
        if measured:
            return line
        self.bad += [f"{fault}, {engine}: {said}" for said in outcome.verdict.faults]
        return "\n".join([line, *(f"  {said}" for said in outcome.verdict.faults)])

    def leave_out(self, fault: str, engine: str, why: str) -> None:
        """Note why a cell has no meaning."""
        self._rows[fault, engine] = Row(why_not=why)

    def table(self) -> str:
        """Return the grid in Markdown."""
        lines = [HEAD, ("---",) * len(HEAD)]
        rows = sorted(self._rows.items(), key=lambda item: self._order(item[0]))
        lines += [(fault, engine, *row.cells()) for (fault, engine), row in rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _order(self, key: tuple[str, str]) -> int:
        faults = list(dict.fromkeys(fault for fault, _ in self._rows))
        return faults.index(key[0])
