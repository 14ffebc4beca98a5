"""Very many actions at once, which PostgreSQL takes by another road than a few."""

from typing import Any

import pytest
import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import submit
from connector.jobs.job import NewJob
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from tests.jobs.conftest import Jobs

MANY, FEW = 250, 50

TEXTS = [
    "",
    "a\tb",
    "a\\tb",
    "line\nline\r\n",
    "\\N",
    "\\.",
    "a\\",
    '"quoted"',
    "é 🎉",
    "NULL",
    " ",
]


def made(number: int) -> NewJob:
    text = TEXTS[number % len(TEXTS)]
    given: dict[str, Any] = {"Text": text, "Nested": {text: [text, number, None, True, 0.5]}}
    return NewJob(
        new_token(),
        "Test",
        given if number % 5 else {},
        tasks=("A B", "C\tD") if number % 3 else None,
        submitted_by=text or None,
        action_id=text or None,
        config_hash="0123456789abcdef" if number % 2 else None,
    )


def rows(tx: Tx) -> dict[str, Any]:
    return {row.token: row for row in tx.execute(sa.select(jobs))}


@pytest.mark.parametrize("alone", [True, False])
def test_they_are_stored_as_a_few_are(kit: Jobs, alone: bool) -> None:
    new = [made(number) for number in range(MANY)]
    run = kit.database.run_alone if alone else kit.database.run
    assert run(submit.submit, new) == [job.token for job in new]
    few = [made(number) for number in range(MANY)]
    for start in range(0, MANY, FEW):
        run(submit.submit, few[start : start + FEW])
    there = kit.database.read(rows)
    assert len(there) == 2 * MANY
    its_own = {"token", "queued_at", "run_at", "rank"}
    for one, other in zip(new, few, strict=True):
        stored, expected = there[one.token]._mapping, there[other.token]._mapping
        assert {k: v for k, v in stored.items() if k not in its_own} == {
            k: v for k, v in expected.items() if k not in its_own
        }
        assert stored["parameters"] == one.parameters
        assert stored["run_at"] == stored["queued_at"] <= expected["queued_at"]
        assert stored["rank"] == round(stored["queued_at"].timestamp() * 1_000_000)
    assert len({there[job.token].queued_at for job in new}) == 1


def test_what_all_have_in_common_is_stored_with_each(kit: Jobs) -> None:
    alike: list[Any] = [1, True, 1.0]
    new = [
        NewJob(
            new_token(), "Te\tst", {"A": alike[number % 3]}, action_id="\\N", submitted_by="a\nb"
        )
        for number in range(MANY)
    ]
    kit.database.run_alone(submit.submit, new)
    there = kit.database.read(rows)
    for job in new:
        row = there[job.token]
        assert (row.queue, row.action_id, row.submitted_by) == ("Te\tst", "\\N", "a\nb")
        assert repr(row.parameters) == repr(job.parameters)
        assert (row.tasks, row.config_hash) == (None, None)


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("alone", [True, False])
def test_those_that_are_there_already_are_left_alone(kit: Jobs, alone: bool, count: int) -> None:
    there = kit.submit(action_id="the first")
    new = [made(number) for number in range(count)]
    new[count // 2] = NewJob(there, "Test", {}, action_id="another")
    run = kit.database.run_alone if alone else kit.database.run
    for _ in range(2):  # as whoever does not know whether it was stored
        assert run(submit.submit, new) == [job.token for job in new]
    found = kit.database.read(rows)
    assert found.keys() == {job.token for job in new}
    assert found[there].action_id == "the first"


@pytest.mark.parametrize("count", [2, FEW, MANY])
@pytest.mark.parametrize("alone", [True, False])
def test_one_that_is_handed_in_twice_at_once_is_stored_once(
    kit: Jobs, alone: bool, count: int
) -> None:
    new = [made(number) for number in range(count - 1)]
    run = kit.database.run_alone if alone else kit.database.run
    assert run(submit.submit, [*new, new[0]]) == [job.token for job in [*new, new[0]]]
    assert kit.database.read(rows).keys() == {job.token for job in new}


@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_transaction_goes_on_behind_those_that_were_there(kit: Jobs, count: int) -> None:
    there = made(0)
    kit.database.run(submit.submit, [there])
    new = [made(number) for number in range(count)]
    after = made(1)

    def work(tx: Tx) -> None:
        submit.submit(tx, [there, *new])
        submit.submit(tx, [after])

    kit.database.run(work)
    assert kit.database.read(rows).keys() == {job.token for job in [there, *new, after]}


def test_they_go_with_the_transaction_that_they_are_part_of(kit: Jobs) -> None:
    class GivenUp(Exception):
        pass

    def work(tx: Tx) -> None:
        submit.submit(tx, [made(number) for number in range(MANY)])
        assert len(rows(tx)) == MANY
        raise GivenUp

    with pytest.raises(GivenUp):
        kit.database.run(work)
    assert kit.database.read(rows) == {}


def test_what_the_database_refuses_is_told_as_of_a_few(kit: Jobs) -> None:
    def told(count: int) -> str:
        new = [made(number) for number in range(count)]
        new[-1] = NewJob("no token", "Test", {})
        with pytest.raises(sa.exc.DBAPIError) as caught:
            kit.database.run_alone(submit.submit, new)
        return type(caught.value).__name__

    if kit.database.dialect.name == "postgresql":  # the others take any text for a token
        assert told(MANY) == told(2)
        assert kit.database.read(rows) == {}
