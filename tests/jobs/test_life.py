"""Whatever is done to a job in whatever order, it lives as the states say."""

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.jobs import claim, requests
from connector.jobs.errors import JobError
from connector.jobs.job import Job, Run
from connector.jobs.states import FINAL, LEGAL, State
from connector.jobs.tables import job_events
from connector.jobs.token import new_token
from tests.jobs.conftest import ENDS, WORKER, Jobs

VERBS = (*ENDS, "claim", "claim", "cancel", "stop request", "pause request", "hold", "resume")


class Life:
    """One job, and every attempt that was ever made at it; late writes come from old ones."""

    def __init__(self, kit: Jobs) -> None:
        self.kit = kit
        self.token = kit.submit(new_token())  # a queue of its own
        self.runs: list[Run] = []

    def do(self, verb: str, which: int) -> None:
        """Do what the verb says, for the newest attempt or an earlier one; refusals are fine."""
        database = self.kit.database
        try:
            match verb:
                case "claim":
                    queue = self.kit.job(self.token).queue
                    with self.kit.alive():
                        self.runs += database.run(claim.claim, queue, WORKER, 1)
                case "cancel":
                    database.run(requests.cancel, self.token, "client")
                case "stop request":
                    database.run(requests.stop, self.token, "client")
                case "pause request" if self.kit.job(self.token).requested is None:
                    if self.kit.state(self.token) is State.RUNNING:
                        self.kit.by_hand(self.token, requested="pause", changed_by="test")
                case "hold" if self.kit.state(self.token) is State.QUEUED:
                    self.kit.by_hand(self.token, state="paused", changed_by="test hold")
                case "resume" if self.kit.state(self.token) is State.PAUSED:
                    self.kit.by_hand(self.token, state="queued", changed_by="test resume")
                case _ if verb in ENDS and self.runs:
                    database.run(ENDS[verb][0], self.runs[-1 - which % len(self.runs)])
        except JobError:
            pass


def check_step(before: Job, after: Job) -> None:
    """Hold the step against every rule about a job that can be told from outside."""
    assert before.state is after.state or (before.state, after.state) in LEGAL
    claimed = (before.state, after.state) == (State.QUEUED, State.RUNNING)
    assert after.attempt == before.attempt + claimed
    assert after.failures >= before.failures and after.losses >= before.losses
    assert after.failures + after.losses <= after.attempt
    assert (after.ended_at is not None) == (after.state in FINAL)
    assert after.queued_at == before.queued_at
    if before.state is State.RUNNING and before.requested == "stop":
        assert after.state in (State.RUNNING, State.STOPPED), "a stop was asked for, and forgotten"
    if after.state in (State.QUEUED, State.PAUSED):
        assert after.requested is None, "what waits is asked nothing"
    if before.final:
        assert after == before, "what has ended changes no more"


@given(steps=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 2)), max_size=14))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_order_of_verbs_breaks_a_rule(kit: Jobs, steps: list[tuple[str, int]]) -> None:
    life = Life(kit)
    before = kit.job(life.token)
    for verb, which in steps:
        life.do(verb, which)
        after = kit.job(life.token)
        check_step(before, after)
        before = after
    stops = [event for event in kit.events(life.token) if event == "stop"]
    assert len(stops) == (before.state is State.STOPPED), "it is stopped once, or not at all"
    assert not by_hand(kit, life.token), "every change of ours says whose it is"


def by_hand(kit: Jobs, token: str) -> bool:
    c = job_events.c
    select = sa.select(c.id).where(c.token == token, c.event == "by hand")
    with kit.database.engine.connect() as connection:
        return connection.execute(select).first() is not None
