"""The short form of the grid: every fault once, on small numbers; scripts/chaos does the rest."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.engines import ENGINES
from tests.chaos.faults import FAULTS
from tests.chaos.places import Engine
from tests.chaos.rig import SHORT, run

# Faults of one group break the same server one after another, which saves starting it anew.
GROUPS = {
    "processes": ("slot", "worker", "http", "supervisor", "tree", "frozen-worker"),
    "database": ("restart", "terminated", "connections", "snapshot"),
    "hosts": ("frozen-host", "half-open"),
    "failover": ("failover",),
    "disk": ("disk",),
    "clock": ("clock-forward", "clock-back"),
}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine, with one server for all tests of it where it has any."""
    with ENGINES[request.param]() as made:
        if missing := made.missing():
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        yield made


@pytest.mark.parametrize("group", GROUPS)
def test_no_fault_loses_or_doubles_an_action(engine: Engine, group: str) -> None:
    faults = [FAULTS[name]() for name in GROUPS[group]]
    meant = [fault for fault in faults if fault.needs not in engine.lacks]
    if not meant:
        assert all(engine.lacks[fault.needs] for fault in faults), "it says why not"
        return
    outcome = run(engine, meant, SHORT, seed=1)
    assert outcome.verdict.faults == []
    assert len(outcome.back) == len(meant), "each fault was done, and was over at last"
    assert outcome.accepted > 0 and outcome.verdict.ended == outcome.accepted
