"""What a run keeps, and what it lets one add."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.measures.fairness import longest_wait
from benchmarks.measuring import SMALL, Bench, Measure, Sizes, Turn, measure
from benchmarks.results import Measurement, OtherRun, Run
from benchmarks.rig import figures
from benchmarks.servers import Server

BENCH = Bench(SMALL, (), Server(""))


def run(folder: Path, revision: str = "a", cores: int = 2) -> Run:
    return Run(folder / "results" / "run.jsonl", revision, {"cores": cores})


def counting(taken: list[str], fail: str = "") -> dict[str, Measure]:
    """Return two measures that note what they take."""

    def take(what: str) -> dict[str, float]:
        taken.append(what)
        if what == fail:
            raise RuntimeError("no")
        return {"rate": 1.0}

    def turns(name: str) -> Measure:
        return lambda bench: (
            Turn("", who, {"n": bench.sizes.drain}, lambda who=who: take(name + who))  # type: ignore[misc]
            for who in ("limit", "ours")
        )

    return {"a": turns("a "), "b": turns("b ")}


def test_contenders_take_turns_in_every_round(tmp_path: Path) -> None:
    taken: list[str] = []
    assert measure(run(tmp_path), BENCH, counting(taken), 2) == 0
    assert taken == ["a limit", "a ours", "b limit", "b ours"] * 2


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    measure(run(tmp_path), BENCH, counting([]), 1)
    taken: list[str] = []
    again = run(tmp_path)
    measure(again, BENCH, counting(taken), 2)
    assert taken == ["a limit", "a ours", "b limit", "b ours"]
    assert [each.round for each in again.measurements] == [1] * 4 + [2] * 4


def test_what_failed_keeps_nothing_else_from_being_measured_and_is_tried_again(
    tmp_path: Path,
) -> None:
    taken: list[str] = []
    assert measure(run(tmp_path), BENCH, counting(taken, fail="a ours"), 1) == 1
    assert len(taken) == 4
    taken.clear()
    assert measure(run(tmp_path), BENCH, counting(taken), 1) == 0
    assert taken == ["a ours"]


def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    measure(run(tmp_path), BENCH, counting([]), 1)
    path = run(tmp_path).path
    path.write_bytes(path.read_bytes()[:-20])
    taken: list[str] = []
    measure(run(tmp_path), BENCH, counting(taken), 1)
    assert taken == ["b ours"]
    assert len(run(tmp_path).measurements) == 4


@pytest.mark.parametrize(("revision", "cores"), [("b", 2), ("a", 4)])
def test_figures_of_another_revision_or_machine_are_not_mixed_in(
    tmp_path: Path, revision: str, cores: int
) -> None:
    run(tmp_path).append(Measurement("a", "", "ours", 1, {}, {"rate": 1.0}))
    with pytest.raises(OtherRun):
        run(tmp_path, revision, cores)


def test_figures_of_other_sizes_are_not_mixed_in(tmp_path: Path) -> None:
    measure(run(tmp_path), BENCH, counting([]), 1)
    with pytest.raises(OtherRun, match="500"):
        measure(run(tmp_path), Bench(Sizes(), (), Server("")), counting([]), 2)


def test_sizes_are_changed_by_name() -> None:
    assert Sizes().changed(["drain=7"]).drain == 7
    for wrong in ("drain", "drain=many", "nothing=7"):
        with pytest.raises(ValueError, match="drain"):
            Sizes().changed([wrong])


def test_the_figures_of_the_rig_have_names() -> None:
    records: list[dict[str, Any]] = [
        {"test": "mvcc2", "peer": "ours", "hold": False, "drain200k": 8.0, "then20k": 10.0},
        {"test": "mvcc2", "peer": "ours", "hold": True, "drain200k": 6.0, "then20k": 9.0},
        {"test": "kill_default", "peer": "ours", "secs": "over 180 s"},
    ]
    assert figures(records) == {
        "mvcc2.drain200k": 8.0,
        "mvcc2.then20k": 10.0,
        "mvcc2_held.drain200k": 6.0,
        "mvcc2_held.then20k": 9.0,
        "mvcc2.ratio": 0.9,
        "kill_default.secs": 180.0,
    }


@pytest.mark.parametrize(
    ("starts", "longest"),
    [
        ({0: 5.0, 1: 6.0, 2: 7.0}, 1.0),
        ({0: 5.0, 1: 15.0, 2: 6.0, 3: 7.0}, 10.0),
        ({0: 5.0, 1: 6.0, 2: 16.0, 3: 17.0}, 10.0),
        ({0: 5.0, 1: 5.5, 2: 5.0, 3: 5.5}, 0.5),
    ],
    ids=["in order", "one is overtaken", "all stand still", "two at once"],
)
def test_the_longest_wait_is_found(starts: dict[int, float], longest: float) -> None:
    assert longest_wait(starts) == longest
