"""How many actions of a queue run at once, with real processes."""

from pathlib import Path

from connector.jobs.states import State
from connector.sandbox.process import SandboxProcess
from tests.system.conftest import Server, eventually, two_engines

EACH = 5
"""Actions sent to each queue: more than may run at once."""


def most_at_once(lines: list[list[str]]) -> int:
    """Return how many of some actions ran at the same time, by what they noted themselves."""
    moments = sorted((int(line[4]), 1 if line[0] == "start" else -1) for line in lines)
    running = most = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


@two_engines
def test_no_more_actions_of_a_queue_run_at_once_than_maximum_threads(
    server: Server,
) -> None:
    server.start(
        CONNECTOR_ACTIONS_MAXIMUMTHREADS="3",
        CONNECTOR_TEST_MAXIMUMTHREADS="1",
    )
    tokens = {
        queue: [server.submit("wait_for_file", queue) for _ in range(EACH)]
        for queue in ("Test", "Pausable")
    }
    eventually("as many run as may", lambda: len(server.traced("start")) >= 4)
    begun = {line[1] for line in server.traced("start")}
    assert [len(begun & set(tokens[queue])) for queue in ("Test", "Pausable")] == [1, 3]
    Path(f"{server.trace}.go").touch()
    for token in (*tokens["Test"], *tokens["Pausable"]):
        assert server.wait(token, State.FINISHED).attempt == 1
    for queue, most in (("Test", 1), ("Pausable", 3)):
        lines = [line for token in tokens[queue] for line in server.traced("", token)]
        assert len(lines) == 2 * EACH, "each ran once"
        assert most_at_once(lines) == most


@two_engines
def test_the_section_fetch_wins_over_actions(
    server: Server,
) -> None:
    with SandboxProcess(rooms=3, messages=40, files=2) as sandbox:
        server.start(
            "serve",
            CONNECTOR_WEBEX_BASEURL=sandbox.base_url,
            CONNECTOR_WEBEX_ACCESSTOKEN=sandbox.token,
            CONNECTOR_WEBEX_PAGESIZE="10",
            CONNECTOR_ACTIONS_MAXIMUMTHREADS="3",
            CONNECTOR_FETCH_MAXIMUMTHREADS="1",
            **{f"CONNECTOR_FETCHTASKS_{n}": task for n, task in enumerate(("ONE", "TWO", "SIX"))},
        )
        sandbox.control("latency", ms=20)
        tokens = []
        for task in ("ONE", "TWO", "SIX"):
            data = server.ask("Fetch", FetchAction="Synchronize", TaskSections=task)
            tokens.append(data.findtext("token", ""))
        beside = [server.submit("wait_for_file") for _ in range(EACH)]
        eventually("three of the others run", lambda: len(server.traced("start")) == 3)
        for token in tokens:
            assert server.ended("Fetch", token).findtext("status") == "Finished"
        assert len(server.traced("start")) == 3, "all the while"
        Path(f"{server.trace}.go").touch()
        for token in beside:
            server.wait(token, State.FINISHED)
    jobs = sorted((server.job(token) for token in tokens), key=lambda job: job.started_at or 0)
    for before, after in zip(jobs, jobs[1:], strict=False):
        assert before.ended_at and after.started_at and before.ended_at <= after.started_at
