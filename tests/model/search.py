"""The search: every world that can be reached, breadth first, so that a way to a fault is short."""

from array import array
from dataclasses import dataclass, field

from tests.model.canonical import canonical
from tests.model.invariants import NO_WEDGE, broken, over
from tests.model.steps import steps
from tests.model.world import Rules, Step, World, start

Trace = tuple[tuple[Step, World], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has come to. `invariant`: the first broken one; `trace`: how it came to that.

    `worlds`: different ones seen; `steps`: taken from them; `depth`: the longest shortest way.
    """

    worlds: int
    steps: int
    depth: int
    invariant: str | None = None
    trace: Trace = ()


@dataclass(slots=True)
class _Graph:
    """Every world seen, in order, with the one it was first come to from and those it leads to."""

    worlds: list[World]
    parents: "array[int]" = field(default_factory=lambda: array("l", [0]))
    ends: "array[int]" = field(default_factory=lambda: array("l"))
    targets: "array[int]" = field(default_factory=lambda: array("l"))

    def way(self, number: int) -> list[World]:
        """Return the worlds on the way to one, the first and itself included."""
        found = [number]
        while found[-1]:
            found.append(self.parents[found[-1]])
        return [self.worlds[n] for n in reversed(found)]


def search(rules: Rules, jobs: int, faults: int) -> Found:
    """Look at every world that can be reached, up to the first step that breaks an invariant."""
    first = start(jobs, faults)
    graph = _Graph([canonical(first)])
    numbers = {graph.worlds[0]: 0}
    level, depth = 1, 0
    for current, world in enumerate(graph.worlds):  # which grows meanwhile
        if current == level:
            level, depth = len(graph.worlds), depth + 1
        for step, after in steps(world, rules):
            invariant = broken(world, step, after)
            after = canonical(after)
            if invariant:
                trace = _told(first, [*graph.way(current), after], rules)
                return Found(len(graph.worlds), len(graph.targets), depth, invariant, trace)
            number = numbers.setdefault(after, len(numbers))
            if number == len(graph.worlds):
                graph.worlds.append(after)
                graph.parents.append(current)
            graph.targets.append(number)
        graph.ends.append(len(graph.targets))
    wedged = _wedged(graph)
    if wedged is None:
        return Found(len(graph.worlds), len(graph.targets), depth)
    trace = _told(first, graph.way(wedged), rules)
    return Found(len(graph.worlds), len(graph.targets), depth, NO_WEDGE, trace)


def _wedged(graph: _Graph) -> int | None:
    """Return the first world from which no way leads to one where all is over."""
    hopeful = bytearray(over(world) for world in graph.worlds)
    changed = True
    while changed:
        changed = False
        for number in range(len(hopeful) - 1, -1, -1):
            if not hopeful[number]:
                begin = graph.ends[number - 1] if number else 0
                if any(hopeful[n] for n in graph.targets[begin : graph.ends[number]]):
                    hopeful[number] = changed = True
    number = hopeful.find(0)
    return None if number < 0 else number


def _told(first: World, way: list[World], rules: Rules) -> Trace:
    """Return the steps of a way with everybody keeping the name they begin with."""
    told: list[tuple[Step, World]] = []
    world = first
    for wanted in way[1:]:
        told.append(next(s for s in steps(world, rules) if canonical(s[1]) == wanted))
        world = told[-1][1]
    return tuple(told)
