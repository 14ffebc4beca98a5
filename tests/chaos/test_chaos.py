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
    "database": ("restart", "terminated", "connections", "read-only", "snapshot"),
    "hosts": ("frozen-host", "half-open"),
    "failover": ("failover",),
    "disk": ("disk",),
    "clock": ("clock-forward", "clock-back"),
}

SHORT_FORM = {
    "sqlite": ("processes", "disk", "clock"),
    "postgresql": ("database", "hosts", "failover"),
    "mariadb": ("database",),
}
"""What breaks on which engine: every fault once, and each kind of server. The script does all."""

CELLS = [(engine, group) for engine, groups in SHORT_FORM.items() for group in groups]


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine, with one server for all tests of it where it has any."""
    with ENGINES[request.param]() as made:
        if missing := made.missing():
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        yield made


@pytest.mark.parametrize(("engine", "group"), CELLS, indirect=["engine"])
def test_no_fault_loses_or_doubles_an_action(engine: Engine, group: str) -> None:
    faults = [FAULTS[name]() for name in GROUPS[group]]
    meant = [fault for fault in faults if fault.needs not in engine.lacks]
    outcome = run(engine, meant, SHORT, seed=1)
    assert outcome.verdict.faults == []
    assert len(outcome.back) == len(meant), "each fault was done, and was over at last"
    assert outcome.accepted > 0 and outcome.verdict.ended == outcome.accepted


def test_every_fault_is_in_the_short_form_but_the_one_that_only_measures() -> None:
    short = {name for names in GROUPS.values() for name in names}
    assert set(FAULTS) - short == {"failover-async"}
    assert {group for groups in SHORT_FORM.values() for group in groups} == set(GROUPS)
    assert set(SHORT_FORM) == set(ENGINES)
    for engine, group in CELLS:
        assert any(FAULTS[name].needs not in ENGINES[engine].lacks for name in GROUPS[group])


def test_a_cell_without_meaning_says_why() -> None:
    tools = {fault.needs for fault in FAULTS.values() if fault.needs}
    for engine in ENGINES.values():
        assert set(engine.lacks) <= tools
        assert all(" " in why for why in engine.lacks.values())
