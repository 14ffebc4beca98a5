"""The commands of `scripts/bench` that have options."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import rig, soak, table
from benchmarks.goals import ROWS
from benchmarks.measures import MEASURES
from benchmarks.measuring import SMALL, Bench, Sizes, measure
from benchmarks.results import (
    ROOT,
    Measurement,
    OtherRun,
    Run,
    Settings,
    machine,
    path_of,
    read,
    revision,
)
from benchmarks.servers import server

PEERS = ("graphile", "pgqueuer")
"""Those of the rig that are the fastest: the whole rig takes a day."""

ASKED = "asked to end; call again to go on"

PUBLISHED = ROOT / "docs" / "performance"


def _measure(arguments: Sequence[str]) -> int:
    """Measure in turns what the run lacks, then print its table."""
    parser = _parser("measure", "Measure in turns; called again, a run goes on where it stopped.")
    parser.add_argument("names", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--peers", default=",".join(PEERS), help="queues of the rig, if BENCH_RIG says where it is"
    )
    parser.add_argument("--small", action="store_true", help="only to see that all works")
    sizes = ", ".join(f"{name}={number}" for name, number in asdict(Sizes()).items())
    parser.add_argument(
        "--size", action="append", default=[], metavar="NAME=NUMBER", help=f"other than {sizes}"
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - MEASURES.keys():
        parser.error(f"no measure {', '.join(sorted(unknown))}; there is {', '.join(MEASURES)}")
    chosen = {name: MEASURES[name] for name in given.names or MEASURES}
    try:
        amounts = (SMALL if given.small else Sizes()).changed(given.size)
    except ValueError as error:
        parser.error(str(error))
    queues = ["ours", *(name for name in given.peers.split(",") if name)]
    if not rig.present():
        print("no BENCH_RIG and BENCH_WORK: without the other queues", file=sys.stderr)
    with server() as place:
        run = _opened(given.run + ("-small" if given.small else ""), machine(place.settings()))
        failed = measure(
            run, Bench(amounts, queues if rig.present() else [], place), chosen, given.rounds
        )
        if not failed and chosen.keys() == MEASURES.keys():
            for name in place.names():  # kept for the next round, of which there is none
                place.drop(name)
    _print(run.measurements)
    print(f"\nkept in {run.path}" + (f"; {failed} failed, try again" if failed else ""))
    return min(failed, 1)


def _soak(arguments: Sequence[str]) -> int:
    """Load a whole server for an hour, and note every minute what it takes."""
    parser = _parser("soak", "Load a server steadily; called again, it goes on where it stopped.")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", default="half", help="half of the top rate, or actions a second")
    parser.add_argument("--keep", type=float, default=10, help="minutes that history is kept")
    parser.add_argument(
        "--minute", type=float, default=60.0, help="seconds of a minute, to see that all works"
    )
    parser.add_argument(
        "--calibrate", type=int, default=Sizes().drain, help="actions that the top rate is of"
    )
    given = parser.parse_args(arguments)
    rate = None if given.rate == "half" else float(given.rate)
    options = soak.Options(given.minutes, rate, given.keep, given.minute, given.calibrate)
    with server() as place:
        run = _opened(given.run + "-soak", machine(place.settings()))
        soak.run(run, place, options)
    print("\n".join(soak.lines(run.measurements)))
    return 0


def _table(arguments: Sequence[str]) -> int:
    """Print the table of a run."""
    _print(_read(_parser("table", "Print a run's table again.").parse_args(arguments).run))
    return 0


def _publish(arguments: Sequence[str]) -> int:
    """Write table, data and plots of a run and of its soak for docs/performance.md."""
    parser = _parser("publish", "Write table, data and plots of a run, and of its soak.")
    parser.add_argument("--to", type=Path, default=PUBLISHED, help="folder")
    given = parser.parse_args(arguments)
    from benchmarks.publishing import publish  # matplotlib takes long to load

    soaked = path_of(given.run + "-soak")
    measured = _read(given.run) if path_of(given.run).exists() or not soaked.exists() else []
    for path in publish(given.to, measured, read(soaked)):
        print(path)
    return 0


def _parser(name: str, told: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"scripts/bench {name}", description=told)
    parser.add_argument(
        "--run", default=revision(), help="the run's name; by default the revision %(default)s"
    )
    return parser


def _opened(name: str, kind: Settings) -> Run:
    _end_on_sigterm()
    return Run(path_of(name), revision(), kind)


def _end_on_sigterm() -> None:
    """Leave every `with` when asked to end, so that no process and no database stays."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ASKED))


def _read(name: str) -> list[Measurement]:
    path = path_of(name)
    if not path.exists():
        runs = ", ".join(sorted(each.stem for each in path.parent.glob("*.jsonl"))) or "none"
        sys.exit(f"no run {name}; there is {runs}")
    return read(path)


def _print(measurements: Sequence[Measurement]) -> None:
    for part in (table.heading(measurements), table.lines(ROWS, measurements)):
        print("\n".join(part) + "\n")
    print("\n".join(table.others(ROWS, measurements)))


def _ends(command: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str]], int]:
    """Say in words why a run cannot be gone on with."""

    def told(arguments: Sequence[str]) -> int:
        try:
            return command(arguments)
        except OtherRun as error:
            sys.exit(f"{error}; give another name with --run")
        except KeyboardInterrupt:
            sys.exit(ASKED)

    return told


COMMANDS = {
    "measure": _ends(_measure),
    "soak": _ends(_soak),
    "table": _table,
    "publish": _publish,
}
