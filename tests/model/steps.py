"""Every step that can be taken: who may do what next, in any order."""

from tests.model.faults import by_hand, tick, trouble
from tests.model.model import client, loop, slot, supervisor
from tests.model.world import (
    DEAD,
    FROZEN,
    UP,
    Next,
    Rule,
    Rules,
    Step,
    World,
    lapsed,
    put,
)


def steps(world: World, rules: Rules) -> Next:
    """Yield every step that can be taken, and the world after it."""
    for j, job in enumerate(world.jobs):
        yield from client(world, rules, j, job)
        yield from by_hand(world, rules, j, job)
    for w, worker in enumerate(world.workers):
        if worker.life == DEAD:
            yield from supervisor(world, w, worker)
            continue
        if worker.run:
            yield from slot(world, rules, w, worker.run)
        if worker.life == UP:
            yield from loop(world, rules, w, worker)
        if Rule.CLOCK in rules and worker.life != FROZEN and lapsed(worker) and worker.run:
            doubt = Rule.FORGOTTEN in rules
            yield Step("lose lease", w), put(world, w, worker._replace(run=None, doubt=doubt))
        yield from trouble(world, rules, w, worker)
    yield from tick(world, rules)
