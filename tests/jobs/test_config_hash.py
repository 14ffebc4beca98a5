"""jobs.config_hash: which configuration an action runs with, after every claim."""

import pytest

from connector.config import load
from connector.jobs import bulk, claim, config_hash, outcomes, requests, submit, turns
from connector.jobs.token import new_token
from tests.jobs.conftest import WORKER, Jobs

TOOK, RUNS, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
BROUGHT = "0123456789abcdef"


def begun(kit: Jobs, token: str, worker_runs: str | None) -> str | None:
    """Have a worker with this configuration claim an action; return what then stands there."""
    with kit.alive():
        runs = kit.database.run(claim.claim, "Test", WORKER, 9, config_hash=worker_runs)
    assert [run.token for run in runs] == [token]
    found = kit.row(token)["config_hash"]
    assert found is None or isinstance(found, str)
    return found


def test_it_is_as_long_as_the_hash_of_settings() -> None:
    given = {"CONNECTOR_DATABASE_URL": "sqlite:////a/b.db"}
    assert len(load(None, given, {}).settings.hash) == config_hash.LENGTH
    assert config_hash.of_request(TOOK, BROUGHT) == f"{TOOK}+0123456789ab"


@pytest.mark.parametrize(
    ("stored", "ran"),
    [
        (TOOK, RUNS),
        (f"{TOOK}+0123456789ab", f"{RUNS}+0123456789ab"),
        (None, RUNS),
        ("", RUNS),
    ],
)
def test_a_claim_says_with_which_configuration_the_worker_runs_it(
    kit: Jobs, stored: str | None, ran: str
) -> None:
    token = kit.submit(config_hash=stored)
    assert begun(kit, token, RUNS) == ran


def test_a_claim_of_an_action_that_works_on_tasks_says_so_too(kit: Jobs) -> None:
    token = kit.submit(config_hash=f"{TOOK}+0123456789ab", tasks=("A",))
    with kit.alive():
        given = ("Test", WORKER, 9, ("A",))
        kit.database.run(turns.claim_in_turn, *given, config_hash=RUNS)
    assert kit.row(token)["config_hash"] == f"{RUNS}+0123456789ab"


def test_each_try_says_its_own_and_the_end_leaves_it(kit: Jobs) -> None:
    token = kit.submit(config_hash=f"{TOOK}+0123456789ab")
    with kit.alive():
        (run,) = kit.database.run(claim.claim, "Test", WORKER, 9, config_hash=RUNS)
    kit.database.run(outcomes.fail, run, "as asked")
    assert kit.row(token)["config_hash"] == f"{RUNS}+0123456789ab"
    kit.database.run(requests.reopen, token=token, by="test")
    assert begun(kit, token, OTHER) == f"{OTHER}+0123456789ab"


def test_a_worker_without_one_leaves_it_and_a_copy_keeps_it(kit: Jobs) -> None:
    token = kit.submit(config_hash=f"{TOOK}+0123456789ab")
    assert begun(kit, token, None) == f"{TOOK}+0123456789ab"
    copied = kit.database.read(bulk.copy_of, token, copy := new_token(), "test")
    assert kit.database.run(submit.submit, [copied]) == [copy]
    assert kit.row(copy)["config_hash"] == f"{TOOK}+0123456789ab"
