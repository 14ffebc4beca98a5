"""Faults against real processes: `python -m tests.chaos`, or `scripts/chaos`."""

import argparse
import random
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from tests.chaos.engines import ENGINES
from tests.chaos.faults import FAULTS
from tests.chaos.grid import Grid
from tests.chaos.rig import SHORT, Size, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, print the grid; 1 if anything was lost, doubled or left."""
    given = _parsed(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupted)  # so that nothing is left behind, mounts neither
    seed = given.seed if given.seed is not None else random.randrange(1000)
    print(f"seed {seed}", flush=True)
    end = time.monotonic() + given.seconds
    grid = Grid()
    size = SHORT if given.short else Size(rounds=given.rounds)
    while True:
        for name in given.engine or ENGINES:
            with ENGINES[name]() as engine:
                if missing := engine.missing():
                    print(f"no {name}: {missing}", file=sys.stderr)
                    continue
                for short in given.fault or FAULTS:
                    fault = FAULTS[short]()
                    if why := engine.lacks.get(fault.needs):
                        grid.leave_out(fault.name, name, why)
                        continue
                    outcome = run(engine, [fault], size, seed)
                    print(grid.add(fault.name, name, outcome, fault.wish.measured), flush=True)
                    seed += 1
        if time.monotonic() >= end:
            break
    print(f"\n{grid.table()}")
    for line in grid.bad:
        print(line, file=sys.stderr)
    return 1 if grid.bad else 0


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Breaks a running server in every way, and counts what is lost or doubled.",
    )
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: all")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=2, help="times each fault is injected")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="begin the grid anew until this time is over"
    )
    parser.add_argument("--short", action="store_true", help="once, on the numbers of the suite")
    parser.add_argument("--seed", type=int, help="of what the clients choose")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
