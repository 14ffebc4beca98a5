"""Whatever is broken in whatever order, the history of the queue holds against every rule."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from connector.db.engine import Database
from tests.history.checker import check
from tests.history.simulated import DEAD, FETCH, FROZEN, LEASE, PLAIN, TASKS, UP, Slot, Worker
from tests.history.simulation import VERBS, Simulation

some = st.integers(0, 5)
steps = st.sampled_from(["honour", "rescue", "rescue", "release_strays", "beat"])


class Machine(RuleBasedStateMachine):
    """Clients, workers and faults, step by step in any order."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.simulation = Simulation(database)
        for task in ("", "", *TASKS):
            self.submit(task, fails=False, answer_lost=False)

    def worker(self, which: int, *lives: str) -> Worker | None:
        """Return a worker that is in one of these states, if there is one."""
        fit = [worker for worker in self.simulation.workers if worker.life in lives]
        return fit[which % len(fit)] if fit else None

    def slot(self, which: int) -> tuple[Worker, Slot] | None:
        """Return a run under way, also one whose worker is frozen."""
        runs = [(w, s) for w in self.simulation.workers for s in w.slots if not s.verb]
        return runs[which % len(runs)] if runs else None

    @rule(task=st.sampled_from(("", *TASKS)), fails=st.booleans(), answer_lost=st.booleans())
    def submit(self, task: str, fails: bool, answer_lost: bool) -> None:
        tasks = (task,) if task else ()
        self.simulation.submit(*tasks, fails=fails and answer_lost, answer_lost=answer_lost)

    @precondition(lambda self: self.simulation.tokens)
    @rule(which=some, verb=st.sampled_from(["stop", "stop", *VERBS]))
    def ask(self, which: int, verb: str) -> None:
        tokens = self.simulation.tokens
        self.simulation.ask(verb, tokens[-1 - which % len(tokens)])

    @rule(which=some, limit=st.integers(1, 3), answer_lost=some.map(lambda n: n == 5))
    def claim(self, which: int, limit: int, answer_lost: bool) -> None:
        if worker := self.worker(which, UP):
            for queue in (PLAIN, FETCH):
                worker.claim(queue, limit, answer_lost=answer_lost)

    @rule(which=some)
    def write(self, which: int) -> None:
        if found := self.slot(which):
            found[0].write(found[1])

    @rule(which=some, verb=st.sampled_from(["finish", "finish", "fail", "retry", "release"]))
    def end(self, which: int, verb: str) -> None:
        if found := self.slot(which):
            found[0].end(found[1], verb)

    @rule(which=some, answer_lost=st.booleans())
    def record(self, which: int, answer_lost: bool) -> None:
        if worker := self.worker(which, UP):
            worker.record(answer_lost=answer_lost)

    @rule(which=some, what=steps)
    def go_on(self, which: int, what: str) -> None:
        if worker := self.worker(which, UP):
            getattr(worker, what)()

    @rule(beats=st.sampled_from([1, 2, 4, 4]))
    def advance(self, beats: int) -> None:
        self.simulation.advance(beats * LEASE / 3)

    @rule(which=some, what=st.sampled_from(["freeze", "freeze", "crash"]))
    def disturb(self, which: int, what: str) -> None:
        if worker := self.worker(which, UP, FROZEN):
            getattr(worker, what)()

    @rule(which=some)
    def recover(self, which: int) -> None:
        if worker := self.worker(which, FROZEN):
            worker.thaw()
        elif worker := self.worker(which, DEAD):
            worker.restart()

    def teardown(self) -> None:
        self.simulation.drain()
        assert check(self.simulation.history()) == []


def test_no_order_of_steps_and_faults_makes_a_history_that_breaks_a_rule(
    database: Database,
) -> None:
    class Here(Machine):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
