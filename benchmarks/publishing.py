"""What docs/performance.md shows of a run: its table, its data, its plots."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import soak, table
from benchmarks.goals import ROWS
from benchmarks.plots import PLOTS
from benchmarks.results import Measurement


def publish(
    folder: Path, measured: Sequence[Measurement], soaked: Sequence[Measurement]
) -> Iterator[Path]:
    """Write what there is, and yield the path of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "table.md": [
            *table.heading(measured),
            "",
            *table.lines(ROWS, measured),
            "",
            *table.others(ROWS, measured),
        ],
        "soak.md": [*table.heading(soaked)[:1], "", *soak.lines(soaked)],
    }
    for (name, lines), of in zip(pages.items(), (measured, soaked), strict=True):
        if of:
            yield _written(folder / name, lines)
    data = [json.dumps(asdict(each)) for each in [*measured, *soaked] if not each.error]
    yield _written(folder / "results.jsonl", data)
    for name, draw in PLOTS.items():
        if (drawing := draw([*measured, *soaked])) is not None:
            path = folder / f"{name}.svg"
            drawing.savefig(path, metadata={"Date": None})
            yield path


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
