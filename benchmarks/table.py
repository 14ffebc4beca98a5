"""The table of a run: each figure beside the machine's limit and the other queues.

A ratio is the median of the ratios of each round, in which both were measured one after the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Measurement

OURS, LIMIT = "ours", "limit"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one case of a measure."""

    measure: str
    name: str
    case: str = ""

    def by_round(self, measurements: Sequence[Measurement], who: str) -> dict[int, float]:
        """Return what was measured of one contender, by rounds."""
        return {
            each.round: each.values[self.name]
            for each in measurements
            if (each.measure, each.case, each.who) == (self.measure, self.case, who)
            and self.name in each.values
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """The least that is wanted of ours, or the most: by itself, or as ratio to another's figure."""

    bound: float
    who: str = ""
    of: Figure | None = None
    """The other's figure, if it is not the same."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `most`: whether less is better."""

    what: str
    figure: Figure
    wanted: tuple[Wanted, ...] = ()
    limit: Figure | None = None
    peers: Figure | None = None
    """The figure of the others, if it is not the same."""
    most: bool = False


def ratio(above: dict[int, float], below: dict[int, float]) -> float | None:
    """Return the median of the ratios of the rounds that both have, or None without any."""
    both = [number for number in above if below.get(number)]
    found = [above[number] / below[number] for number in both]
    return median(found) if found else None


def lines(rows: Sequence[Row], measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yield the table's lines, in Markdown; rows of which nothing was measured are left out."""
    peers = list(dict.fromkeys(each.who for each in measurements if each.who not in (OURS, LIMIT)))
    heads = ["What", "With", "Limit", *peers, "Ours", "Wanted", "Rounds", "Met"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        ours = row.figure.by_round(measurements, OURS)
        if not ours:
            continue
        limit = row.limit.by_round(measurements, LIMIT) if row.limit else {}
        theirs = [(row.peers or row.figure).by_round(measurements, peer) for peer in peers]
        cells = [
            row.what,
            _settings(row.figure, measurements),
            *(_beside(ours, other) for other in (limit, *theirs)),
        ]
        cells += [f"**{shown(median(ours.values()))}**"]
        cells += ["; ".join(_told(row, each) for each in row.wanted), str(len(ours))]
        cells += [", ".join(_met(row, each, ours, measurements) for each in row.wanted)]
        yield "| " + " | ".join(cells) + " |"


def _beside(ours: dict[int, float], other: dict[int, float]) -> str:
    if not other:
        return "–"
    beside = ratio(ours, other)
    told = f" ({beside:.2f})" if beside is not None else ""
    return shown(median(other.values())) + told


def _settings(figure: Figure, measurements: Sequence[Measurement]) -> str:
    """Return how much was done, as ours was measured."""
    of = figure.measure, figure.case, OURS
    given = next((e.settings for e in measurements if (e.measure, e.case, e.who) == of), {})
    told = ((name, f"{v:,}" if isinstance(v, int) else v) for name, v in given.items())
    return ", ".join(f"{name} {value}" for name, value in told)


def _told(row: Row, wanted: Wanted) -> str:
    sign = "at most" if row.most else "at least"
    return f"{sign} {wanted.bound:g}" + (f" × {wanted.name or wanted.who}" if wanted.who else "")


def _met(
    row: Row, wanted: Wanted, ours: dict[int, float], measurements: Sequence[Measurement]
) -> str:
    is_now: float | None = median(ours.values())
    if wanted.who:
        other = (wanted.of or row.figure).by_round(measurements, wanted.who)
        is_now = ratio(ours, other)
    if is_now is None:
        return "–"
    met = is_now <= wanted.bound if row.most else is_now >= wanted.bound
    return ("yes" if met else "no") + (f" ({is_now:.2f})" if wanted.who else "")


def shown(value: float) -> str:
    """Return a figure as people read it: three digits of it at least."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def others(rows: Sequence[Row], measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yield a line for each figure of ours and the limits that no row shows."""
    in_rows = {figure for row in rows for figure in (row.figure, row.limit) if figure}
    figures = dict.fromkeys(
        (Figure(each.measure, name, each.case), each.who)
        for each in measurements
        if each.who in (OURS, LIMIT)
        for name in each.values
    )
    yield "| Measure | Case | Figure | Of | Median | Least | Most | Rounds |"
    yield "|---|---|---|---|---|---|---|---|"
    for figure, who in figures:
        values = figure.by_round(measurements, who).values()
        if figure not in in_rows:
            spread = f"{shown(median(values))} | {shown(min(values))} | {shown(max(values))}"
            told = f"{figure.measure} | {figure.case} | {figure.name} | {who}"
            yield f"| {told} | {spread} | {len(values)} |"


def heading(measurements: Sequence[Measurement]) -> list[str]:
    """Return what the figures are of (revision, machine, when), and how ratios are shown."""
    if not measurements:
        return []
    first, last = measurements[0], measurements[-1]
    kind = ", ".join(f"{name} {value}" for name, value in (first.machine or {}).items())
    return [
        f"Revision {first.revision}, {first.at[:16]} to {last.at[:16]} UTC; {kind}.",
        "Ours as shipped: default settings; leases, fence, guard, trail, history, every index.",
        "In brackets: ours ÷ the other's, the median of the rounds.",
    ]
