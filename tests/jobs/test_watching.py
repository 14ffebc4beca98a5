"""What somebody who watches a queue is shown of it, on every engine."""

import sqlalchemy as sa

from connector.jobs import operate, outcomes, progress, watching
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.watching import View
from tests.jobs.conftest import Jobs


def view(kit: Jobs, *known: str, limit: int = 10) -> View:
    return kit.database.read(watching.views, {"Test": known}, limit)["Test"]


def test_first_comes_what_runs_then_what_is_paused_then_what_is_next(kit: Jobs) -> None:
    kit.in_state(State.FINISHED)
    running = kit.running()
    paused, _ = kit.in_state(State.PAUSED)
    later, sooner = kit.submit(), kit.submit(priority=5)
    kit.submit("Other")
    kit.database.run(operate.pause_queue, "Test", "test")
    kit.database.run(progress.save, running, progress={"done": 1})
    found = view(kit)
    assert list(found.lines) == [running.token, paused, sooner, later]
    assert found.lines[running.token].progress == {"done": 1}
    assert (found.counts.paused, found.counts.completed) == (True, 1)
    assert found.counts.states == {State.QUEUED: 2, State.RUNNING: 1, State.PAUSED: 1}
    assert list(view(kit, limit=3).lines) == [running.token, paused, sooner]


def test_what_was_seen_and_has_left_is_told_as_long_as_it_is_stored(kit: Jobs) -> None:
    run = kit.running()
    gone, _ = kit.in_state(State.FINISHED)
    assert view(kit, run.token, gone).left.keys() == {gone}
    kit.database.run(outcomes.finish, run, {})
    assert {t: x.state for t, x in view(kit, run.token, gone).left.items()} == {
        run.token: State.FINISHED,
        gone: State.FINISHED,
    }
    kit.database.run(lambda tx: tx.execute(sa.delete(jobs).where(jobs.c.token == gone)))
    assert view(kit, run.token, gone).left.keys() == {run.token}
    assert view(kit).left == {}
