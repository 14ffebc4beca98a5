"""Who is claimed next, and who is not."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from connector.jobs import claim, outcomes, places, submit, turns, waiting
from connector.jobs.job import NewJob, Run
from connector.jobs.states import State
from connector.jobs.tables import queues
from connector.jobs.token import new_token
from tests.jobs.conftest import WORKER, Jobs

MINUTE = timedelta(minutes=1)


def claimed(kit: Jobs, limit: int = 1) -> list[str]:
    with kit.alive():
        return [run.token for run in kit.database.run(claim.claim, "Test", WORKER, limit)]


def by_task(kit: Jobs, limit: int = 10, known: tuple[str, ...] = ("A", "B", "C")) -> list[Run]:
    with kit.alive():
        return kit.database.run(turns.claim_in_turn, "Test", WORKER, limit, known)


def serve(kit: Jobs) -> None:
    kit.register(WORKER)


def test_first_come_first_served(kit: Jobs) -> None:
    tokens = [kit.submit() for _ in range(5)]
    assert claimed(kit, 2) == tokens[:2]
    assert claimed(kit, 9) == tokens[2:]
    assert claimed(kit) == []


def test_the_larger_priority_goes_first(kit: Jobs) -> None:
    low, high, middle = (kit.submit(priority=priority) for priority in (0, 9, 5))
    assert claimed(kit, 3) == [high, middle, low]


def test_a_claim_of_one_takes_the_first_in_order(kit: Jobs) -> None:
    low, high, middle = (kit.submit(priority=priority) for priority in (0, 9, 5))
    assert [*claimed(kit), *claimed(kit), *claimed(kit)] == [high, middle, low]


def test_an_hour_of_waiting_outweighs_what_an_hour_is_worth(kit: Jobs) -> None:
    """Priority 60 at a minute a point: whoever is queued up to an hour later goes first."""
    serve(kit)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    old, within, beyond = (NewJob(new_token(), "Test", {}, priority=p) for p in (0, 60, 60))
    for job, moment in ((old, noon), (within, noon + 59 * MINUTE), (beyond, noon + 61 * MINUTE)):
        kit.database.run_at(moment, submit.submit, [job], 60.0)
    order: list[str] = []
    for _ in range(3):
        runs = kit.database.run_at(noon + 61 * MINUTE, claim.claim, "Test", WORKER, 1)
        order += [run.token for run in runs]
    assert order == [within.token, old.token, beyond.token]


def test_a_claim_may_begin_where_the_last_one_ended(kit: Jobs) -> None:
    kit.register(WORKER)
    tokens = [kit.submit() for _ in range(4)]
    runs = kit.database.run(claim.claim, "Test", WORKER, 2)
    assert [run.token for run in runs] == tokens[:2]
    kit.database.run(outcomes.release, runs[0], "it was handed back")
    behind = kit.database.run(claim.claim, "Test", WORKER, 1, since=(runs[1].rank, runs[1].token))
    assert [run.token for run in behind] == [tokens[2]], "what stands before that is passed over"
    rest = kit.database.run(claim.claim, "Test", WORKER, 9)
    assert [run.token for run in rest] == [tokens[0], tokens[3]]


def test_waiting_makes_up_for_priority(kit: Jobs) -> None:
    old = kit.submit(priority=0)
    earlier = kit.job(old).queued_at
    kit.by_hand(old, rank=int((earlier - 3 * MINUTE).timestamp() * 1e6), changed_by="test")
    ahead = kit.submit(priority=2)
    far_ahead = kit.submit(priority=4)
    assert claimed(kit, 3) == [far_ahead, old, ahead]


def test_nothing_is_claimed_before_its_time(kit: Jobs) -> None:
    serve(kit)
    delayed = kit.submit(delay=3600.0, priority=1000)
    assert claimed(kit) == []
    wait = kit.database.read(waiting.due, ["Test"])["Test"]
    assert 3590 < wait.seconds <= 3600 and wait.ahead is None
    later = kit.job(delayed).run_at + timedelta(seconds=1)
    runs = kit.database.run_at(later, claim.claim, "Test", WORKER, 1)
    assert [run.token for run in runs] == [delayed]


def test_its_time_holds_whatever_its_place_in_the_order(kit: Jobs) -> None:
    serve(kit)
    token = kit.submit()
    kit.by_hand(token, run_at=kit.job(token).queued_at + 5 * MINUTE, changed_by="test")
    assert claimed(kit) == [] and by_task(kit) == []
    later = kit.job(token).run_at
    assert kit.database.run_at(later, claim.claim, "Test", WORKER, 1)[0].token == token


def test_many_delayed_jobs_do_not_hide_one_that_is_due(kit: Jobs) -> None:
    for _ in range(20):
        kit.submit(delay=3600.0, priority=100)
    due = kit.submit()
    assert kit.database.read(waiting.due, ["Test"])["Test"].seconds == 0
    assert claimed(kit, 5) == [due]


@pytest.mark.parametrize("take", ["alone", "by task"])
def test_only_a_queued_job_is_claimed(kit: Jobs, take: str) -> None:
    tokens = {state: kit.in_state(state)[0] for state in State if state is not State.QUEUED}
    before = {state: kit.row(token) for state, token in tokens.items()}
    queued = kit.submit(tasks=() if take == "by task" else None)
    found = claimed(kit, 100) if take == "alone" else [run.token for run in by_task(kit, 100)]
    assert found == [queued]
    assert {state: kit.row(token) for state, token in tokens.items()} == before


def test_the_wait_of_each_queue_is_told(kit: Jobs) -> None:
    kit.submit("Now")
    kit.submit("Later", delay=60.0)
    kit.claim(kit.submit("Busy"))
    kit.submit("Unasked")
    told = kit.database.read(waiting.due, ["Now", "Later", "Busy", "Empty"])
    assert told.keys() == {"Now", "Later"}
    assert told["Now"].seconds == 0 and 50 < told["Later"].seconds <= 60


def test_a_claim_counts_the_attempt_and_names_the_worker(kit: Jobs) -> None:
    run = kit.running()
    job = kit.job(run.token)
    assert (run.attempt, run.worker_id, job.state) == (1, WORKER, State.RUNNING)
    assert job.started_at is not None and job.started_at >= job.queued_at


def test_a_paused_queue_gives_nothing(kit: Jobs) -> None:
    serve(kit)
    token = kit.submit()
    with kit.database.engine.begin() as connection:
        connection.execute(sa.update(queues).values(paused=True))
    assert claimed(kit) == [] and by_task(kit) == []
    with kit.database.engine.begin() as connection:
        connection.execute(sa.update(queues).values(paused=False))
    assert claimed(kit) == [token]


def test_one_job_at_a_time_works_on_a_task(kit: Jobs) -> None:
    serve(kit)
    first, second, other = (kit.submit(tasks=(task,)) for task in ("A", "A", "B"))
    runs = by_task(kit)
    assert [run.token for run in runs] == [first, other]
    assert by_task(kit) == []
    kit.database.run(outcomes.finish, runs[0], {})
    assert [run.token for run in by_task(kit)] == [second]


def test_a_job_of_several_tasks_waits_for_all_of_them(kit: Jobs) -> None:
    serve(kit)
    one, both, last = (kit.submit(tasks=tasks) for tasks in (("A",), ("B", "A"), ("C",)))
    runs = by_task(kit)
    assert [run.token for run in runs] == [one, last]
    kit.database.run(outcomes.release, runs[0], "shutdown")
    assert [run.token for run in by_task(kit)] == [one]
    kit.database.run(outcomes.finish, kit_run(kit, one), {})
    assert [run.token for run in by_task(kit)] == [both]


def kit_run(kit: Jobs, token: str) -> Run:
    return Run(token, kit.job(token).attempt, WORKER, "Test", {})


def test_a_task_that_the_worker_does_not_know_stays_queued(kit: Jobs) -> None:
    serve(kit)
    strange, known = kit.submit(tasks=("X",)), kit.submit(tasks=("A",))
    assert [run.token for run in by_task(kit)] == [known]
    assert kit.state(strange) is State.QUEUED


def test_jobs_behind_many_of_a_busy_task_are_found(kit: Jobs) -> None:
    serve(kit)
    for _ in range(30):
        kit.submit(tasks=("A",))
    other = kit.submit(tasks=("B",))
    assert other in [run.token for run in by_task(kit, limit=2)]


def test_a_job_handed_back_in_the_middle_keeps_its_task(kit: Jobs) -> None:
    serve(kit)
    first, second = kit.submit(tasks=("A",)), kit.submit(tasks=("A",))
    (run,) = by_task(kit)
    kit.database.run(outcomes.release, run, "Webex is away", 3600.0)
    assert by_task(kit) == [], "the second would take over what the first has begun"
    later = kit.job(first).run_at + timedelta(seconds=1)
    runs = kit.database.run_at(later, turns.claim_in_turn, "Test", WORKER, 9, ("A",))
    assert [run.token for run in runs] == [first]
    kit.database.run(outcomes.finish, runs[0], {})
    assert [run.token for run in by_task(kit)] == [second]


def test_a_clock_that_is_set_back_keeps_nothing_waiting_that_was_not_delayed(kit: Jobs) -> None:
    serve(kit)
    plain, of_task, delayed = kit.submit(), kit.submit(tasks=("A",)), kit.submit(delay=1.0)
    before = kit.job(plain).queued_at - timedelta(hours=1)
    found = kit.database.run_at(before, waiting.due, ["Test"])["Test"]
    assert found.seconds == 0.0 and found.ahead is not None
    runs = kit.database.run_at(before, claim.claim, "Test", WORKER, 9, ahead=places.NOW)
    assert {run.token for run in runs} == {plain, of_task}
    kit.database.run(outcomes.release, runs[1], "shutdown")
    again = kit.database.run_at(
        before, turns.claim_in_turn, "Test", WORKER, 9, ("A",), ahead=places.NOW
    )
    assert [run.token for run in again] == [of_task]
    assert kit.state(delayed) is State.QUEUED


def test_what_is_due_behind_many_delayed_jobs_is_found_in_the_end(kit: Jobs) -> None:
    serve(kit)
    for _ in range(30):
        kit.submit(delay=600.0)
    low = kit.submit(priority=-100)
    place, looks = places.NOW, 0
    while (due := kit.database.read(waiting.due, ["Test"], {"Test": place}, 7)["Test"]).seconds > 0:
        place, looks = due.beyond, looks + 1
        assert looks < 10, "each look goes on where the one before has ended"
    assert looks == 4 and due.ahead == due.beyond
    (run,) = kit.database.run(claim.claim, "Test", WORKER, 3, ahead=due.ahead)
    assert run.token == low
    after = kit.database.read(waiting.due, ["Test"], {"Test": due.beyond}, 7)["Test"]
    assert after.ahead is None and after.beyond == places.NOW, "at the end it begins anew"
    assert 590 < after.seconds <= 600


def test_tasks_named_twice_are_named_once(kit: Jobs) -> None:
    twice, other = kit.submit(tasks=("A", "A")), kit.submit(tasks=("B",))
    assert [run.tasks for run in by_task(kit)] == [("A",), ("B",)]
    assert {kit.state(twice), kit.state(other)} == {State.RUNNING}
