"""The plots of docs/performance.md, each made from the measurements of one run."""

from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from benchmarks.results import Measurement
from benchmarks.table import LIMIT, OURS, Figure

SIZE = (7.0, 4.0)
"""Inches."""


def beside(measurements: Sequence[Measurement]) -> Drawing | None:
    """Draw drain and enqueue rates of all contenders beside one another."""
    figures = {
        "drain": Figure("drain", "drain.rate"),
        "enqueue, 1": Figure("enqueue", "enq1.rate"),
        "enqueue, 8": Figure("enqueue", "enq8.rate"),
        "bulk": Figure("enqueue", "bulk.rate"),
    }
    who = list(dict.fromkeys(each.who for each in measurements if each.measure in ("drain",)))
    if OURS not in who:
        return None
    drawing, axes = _axes("Actions a second, medians, on one PostgreSQL in turns")
    for place, name in enumerate(who):
        rates = [_median(figure, measurements, name) for figure in figures.values()]
        at = [index + place / (len(who) + 1) for index in range(len(figures))]
        label = "pgbench" if name == LIMIT else name
        axes.bar(at, [rate or 0 for rate in rates], 0.9 / (len(who) + 1), label=label)
    axes.set_xticks([index + 0.4 for index in range(len(figures))], list(figures))
    axes.set_yscale("log")
    axes.legend()
    return drawing


def scale(measurements: Sequence[Measurement]) -> Drawing | None:
    """Draw what more workers bring, for actions of each length."""
    curves: dict[int, dict[int, list[float]]] = {}
    for each in _ours("scale", measurements):
        curve = curves.setdefault(each.settings["milliseconds"], {})
        curve.setdefault(each.settings["workers"], []).append(each.values["rate"])
    if not curves:
        return None
    drawing, axes = _axes("Actions a second by workers, for actions of some milliseconds")
    for milliseconds, curve in curves.items():
        _line(axes, curve, f"{milliseconds} ms")
    axes.set_xlabel("workers of two slots")
    axes.set_xticks(sorted({workers for curve in curves.values() for workers in curve}))
    axes.set_yscale("log")
    axes.legend()
    return drawing


def history(measurements: Sequence[Measurement]) -> Drawing | None:
    """Draw rates beside more and more history."""
    found = _ours("history", measurements)
    if not found:
        return None
    drawing, axes = _axes("Actions a second beside rows of history")
    for name in ("drain", "accept"):
        curve: dict[int, list[float]] = {}
        for each in found:
            curve.setdefault(each.settings["history"], []).append(each.values[name])
        _line(axes, curve, name)
    axes.set_xlabel("rows of history")
    axes.set_xscale("log")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    axes.legend()
    return drawing


def soak(measurements: Sequence[Measurement]) -> Drawing | None:
    """Draw what was noted every minute, one panel a kind of figure."""
    found = _ours("soak", measurements)
    if not found:
        return None
    memory = [name for name in found[-1].values if name.startswith("pss ")]
    panels = {
        "actions stored a second": ["rate"],
        "token to start, ms": ["p50_ms", "p99_ms", "longest_ms"],
        "dead tuples": ["dead"],
        "rows": ["rows"],
        "tables and indexes, MiB": ["table_mib", "indexes_mib"],
        "WAL a minute, MiB": ["wal_mib"],
        "memory of each process (PSS), MiB": memory,
    }
    drawing = Drawing((SIZE[0], 2 * len(panels)), layout="constrained")
    for axes, (title, names) in zip(
        drawing.subplots(len(panels), sharex=True), panels.items(), strict=True
    ):
        for name in names:
            points = [(each.round, each.values[name]) for each in found if name in each.values]
            axes.plot(*zip(*points, strict=True), label=name.removeprefix("pss "))
        axes.set_title(title, fontsize="small", loc="left")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
        if len(names) > 1:
            axes.legend(fontsize="x-small")
    axes.set_xlabel("minute")
    return drawing


PLOTS: dict[str, Callable[[Sequence[Measurement]], Drawing | None]] = {
    "beside": beside,
    "scale": scale,
    "history": history,
    "soak": soak,
}


def _axes(title: str) -> tuple[Drawing, Axes]:
    drawing = Drawing(SIZE, layout="constrained")
    axes = drawing.subplots()
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(alpha=0.3)
    return drawing, axes


def _line(axes: Axes, curve: dict[int, list[float]], label: str) -> None:
    """Draw medians, and from the least to the most as a shade."""
    at = sorted(curve)
    axes.plot(at, [median(curve[x]) for x in at], marker="o", label=label)
    axes.fill_between(at, [min(curve[x]) for x in at], [max(curve[x]) for x in at], alpha=0.2)


def _ours(measure: str, measurements: Sequence[Measurement]) -> list[Measurement]:
    return [e for e in measurements if e.measure == measure and e.who == OURS and not e.error]


def _median(figure: Figure, measurements: Sequence[Measurement], who: str) -> float | None:
    values = figure.by_round(measurements, who).values()
    return median(values) if values else None
