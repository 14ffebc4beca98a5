"""Search the model: `python -m tests.model`; `--without fence` shows what that rule prevents."""

import argparse
import time

from tests.model.search import Found, search
from tests.model.world import ALL, GONE, Job, Rule, Step, Worker, World


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    rules = [rule.value for rule in Rule]
    parser.add_argument("--without", action="append", default=[], choices=rules, metavar="RULE")
    parser.add_argument("--jobs", type=int, default=2, choices=(1, 2))
    parser.add_argument("--faults", type=int, default=1, help="crashes, freezes, lost answers")
    given = parser.parse_args()
    begun = time.monotonic()
    found = search(ALL - {Rule(rule) for rule in given.without}, given.jobs, given.faults)
    show(found)
    print(
        f"{found.worlds:,} worlds, {found.steps:,} steps, depth {found.depth}, "
        f"{time.monotonic() - begun:.1f} s"
    )
    raise SystemExit(1 if found.invariant else 0)


def show(found: Found) -> None:
    """Print the way to a broken invariant, one step a line, and the world it ends in."""
    if found.invariant is None:
        print("every invariant holds")
        return
    print(f"broken: {found.invariant}")
    for number, (step, world) in enumerate(found.trace, 1):
        print(f"{number:3}. {said(step)}")
        if number == len(found.trace):
            show_world(world)


def said(step: Step) -> str:
    """Return a step in words."""
    who = f"worker {step.worker + 1}: " if step.worker != GONE else ""
    job = f" job {step.job + 1}" if step.job != GONE else ""
    attempt = f", attempt {step.attempt}" if step.attempt else ""
    return f"{who}{step.verb}{job}{attempt}"


def show_world(world: World) -> None:
    """Print what differs from the ordinary."""
    for j, job in enumerate(world.jobs, 1):
        print(f"     job {j}: {different(job._asdict(), Job()._asdict())}")
    for w, worker in enumerate(world.workers, 1):
        print(f"     worker {w}: {different(worker._asdict(), Worker()._asdict())}")


def different(facts: dict[str, object], usual: dict[str, object]) -> str:
    told = [f"{name} {fact}" for name, fact in facts.items() if fact != usual[name]]
    return ", ".join(told) or "as ever"


if __name__ == "__main__":
    main()
