"""The checker is checked: with a safety rule of the real code switched off, it finds what follows.

Each rule has a story, which is told twice: as the code is, when nothing is found, and without the
rule.
"""

from collections.abc import Callable, Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement

from connector.datastore import holding
from connector.datastore.holding import Holder
from connector.datastore.tables import tasks
from connector.db.engine import Database, Tx
from connector.jobs import outcomes, workers
from connector.jobs.states import State
from connector.jobs.tables import job_transitions, jobs
from connector.jobs.workers import Beat, LeaseWatch
from tests.history.checker import check
from tests.history.simulated import FETCH, LEASE, PLAIN
from tests.history.simulation import Simulation

Patch = pytest.MonkeyPatch


def rescued(simulation: Simulation, *tasks: str) -> None:
    """Have the first worker freeze in the midst of a run, and the second go on with the job."""
    first, second = simulation.workers
    simulation.submit(*tasks)
    queue = FETCH if tasks else PLAIN
    first.claim(queue)
    first.write(first.slots[0])
    first.freeze()
    simulation.advance(2 * LEASE)
    second.rescue()
    second.claim(queue)
    second.write(second.slots[0])


def late_finish(simulation: Simulation) -> None:
    rescued(simulation)
    first = simulation.workers[0]
    first.thaw()
    first.end(first.slots[0], "finish")
    first.record()


def late_retry(simulation: Simulation) -> None:
    rescued(simulation)
    first = simulation.workers[0]
    first.thaw()
    first.end(first.slots[0], "retry")
    first.record()


def without_fence(database: Database, patch: Patch) -> None:
    def held(token: str, attempt: int, worker_id: str) -> ColumnElement[bool]:
        return sa.and_(jobs.c.token == token, jobs.c.state == State.RUNNING)

    patch.setattr(outcomes, "held", held)


def a_look_at_one_that_is_well(simulation: Simulation) -> None:
    first, second = simulation.workers
    simulation.submit()
    first.claim(PLAIN)
    second.look()
    second.rescue()
    second.claim(PLAIN)


def without_lapse(database: Database, patch: Patch) -> None:
    def lapsed(watch: LeaseWatch, now: float, seen: Mapping[str, Beat]) -> dict[str, int]:
        return {worker: beat.number for worker, beat in seen.items()}

    patch.setattr(LeaseWatch, "lapsed", lapsed)


def a_beat_at_the_last_moment(simulation: Simulation) -> None:
    first, second = simulation.workers
    simulation.submit()
    first.claim(PLAIN)
    first.freeze()
    simulation.advance(2 * LEASE)
    first.thaw()
    first.beat()
    second.rescue()
    second.claim(PLAIN)


def without_beat(database: Database, patch: Patch) -> None:
    evict = workers.evict
    patch.setattr(workers, "evict", lambda tx, worker_id, beat_seen=None: evict(tx, worker_id))


def a_change_by_hand(simulation: Simulation) -> None:
    token = simulation.submit()
    first, second = simulation.workers
    first.claim(PLAIN)
    first.end(first.slots[0], "finish")
    first.record()
    again = {"state": State.QUEUED, "ended_at": None, "changed_by": "somebody"}
    try:
        with simulation.database.engine.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.token == token).values(again))
    except DBAPIError:
        pass
    second.claim(PLAIN)


def without_guard(database: Database, patch: Patch) -> None:
    """Have the guard find every move among the legal ones."""
    every = [(str(source), str(target)) for source in State for target in State]
    with database.engine.begin() as connection:
        connection.execute(sa.delete(job_transitions))
        rows = [{"verb": "any", "source": source, "target": target} for source, target in every]
        connection.execute(sa.insert(job_transitions), rows)


def a_late_page(simulation: Simulation) -> None:
    rescued(simulation, "A")
    first = simulation.workers[0]
    first.write(first.slots[0])


def without_holder(database: Database, patch: Patch) -> None:
    def record(tx: Tx, holder: Holder, checkpoint: object, counts: object) -> None:
        mine = sa.update(tasks).where(tasks.c.task == holder.task)
        tx.execute(mine.values(run_token=holder.token, checkpoint=checkpoint, counts=counts))

    patch.setattr(holding, "record", record)


def a_stop_beside_the_end(simulation: Simulation) -> None:
    token = simulation.submit()
    first = simulation.workers[0]
    first.claim(PLAIN)
    assert simulation.ask("stop", token) == State.RUNNING
    first.end(first.slots[0], "finish")
    first.record()


def without_stop(database: Database, patch: Patch) -> None:
    patch.setattr(outcomes, "_honouring", lambda target: sa.literal(str(target)))


def a_full_disk(simulation: Simulation) -> None:
    simulation.submit(fails=True)


def without_commit(database: Database, patch: Patch) -> None:
    """Tell the result of a transaction before its commit, and nothing of what becomes of that."""

    def run(self: Database, work: Callable[..., object], /, *given: object) -> object:
        told: list[object] = []

        def telling(tx: Tx) -> None:
            told.append(work(tx, *given))

        try:
            honest(self, telling)
        except Exception:
            if not told:
                raise
        return told[0]

    honest = Database.run
    patch.setattr(Database, "run", run)


def a_claim_in_doubt(simulation: Simulation) -> None:
    simulation.submit()
    simulation.workers[0].claim(PLAIN, answer_lost=True)


def without_strays(database: Database, patch: Patch) -> None:
    patch.setattr(workers, "strays", lambda tx, worker_id, known: [])


Story = Callable[[Simulation], None]
Switch = Callable[[Database, Patch], None]

STORIES: dict[str, tuple[Story, Switch, str]] = {
    "fence, finish": (late_finish, without_fence, "last_word_is_the_holders"),
    "fence, retry": (late_retry, without_fence, "trail_fits_row"),
    "lapse": (a_look_at_one_that_is_well, without_lapse, "taken_with_cause"),
    "beat": (a_beat_at_the_last_moment, without_beat, "taken_with_cause"),
    "guard": (a_change_by_hand, without_guard, "no_completed_run_runs_again"),
    "holder": (a_late_page, without_holder, "tasks_take_turns"),
    "stop": (a_stop_beside_the_end, without_stop, "stop_is_kept"),
    "commit": (a_full_disk, without_commit, "accepted_is_kept"),
    "strays": (a_claim_in_doubt, without_strays, "everything_ends"),
}
"""Rule: a story, how to switch the rule off, and what the checker says then."""


@pytest.mark.parametrize("name", STORIES)
def test_the_checker_finds_that_a_rule_is_switched_off(
    name: str, database: Database, monkeypatch: Patch
) -> None:
    story, switch_off, expected = STORIES[name]
    simulation = Simulation(database)
    story(simulation)
    simulation.drain()
    assert check(simulation.history()) == []
    simulation = Simulation(database)
    switch_off(database, monkeypatch)
    story(simulation)
    simulation.drain()
    assert expected in {violation.rule for violation in check(simulation.history())}
