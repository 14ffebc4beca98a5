"""Values mean the same on every engine: what goes in comes back, and compares alike."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.db.engine import Database, Tx
from connector.db.types import Counter, Document, Identifier, Timestamp

table = sa.Table(
    "kept",
    sa.MetaData(),
    sa.Column("id", Identifier, primary_key=True),
    sa.Column("at", Timestamp),
    sa.Column("number", Counter),
    sa.Column("document", Document),
)

EXAMPLES = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# PostgreSQL's jsonb holds no NUL, and text no lone surrogates; parameters are checked before.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(
    datetime(1970, 1, 2),
    datetime(9999, 1, 1),
    timezones=st.just(UTC) | st.timezones(),
    allow_imaginary=False,
)


@pytest.fixture
def kept(database: Database) -> Iterator[Database]:
    """A database with a table of every type of ours."""
    with database.engine.begin() as connection:
        table.create(connection)
    yield database


def first(tx: Tx, select: sa.Select[Any]) -> object:
    """Return the first value that a query finds."""
    return tx.execute(select).scalar()


def stored(database: Database, **values: object) -> sa.Row[tuple[object, ...]]:
    """Store a row and return it as it is read back."""
    key = str(uuid.uuid4())
    database.run(lambda tx: tx.execute(sa.insert(table).values(id=key, **values)))
    return database.read(lambda tx: tx.execute(sa.select(table).where(table.c.id == key)).one())


@given(moment=moments)
@EXAMPLES
def test_a_moment_comes_back_in_utc_to_the_microsecond(kept: Database, moment: datetime) -> None:
    row = stored(kept, at=moment)
    # Times of two zones are never equal in Python while a clock is set back in one of them.
    assert row.at == moment.astimezone(UTC) and row.at.tzinfo is UTC


def test_moments_compare_as_they_follow_each_other(kept: Database) -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-11))
    steps = [timedelta(0), timedelta(microseconds=1), timedelta(milliseconds=1), timedelta(1)]
    for index, step in enumerate(steps):
        stored(kept, at=(noon + step).astimezone(west if index % 2 else east), number=index)
    select = sa.select(table.c.number).order_by(table.c.at)
    assert list(kept.read(lambda tx: tx.execute(select).scalars().all())) == [0, 1, 2, 3]
    for limit, count in ((noon, 1), (noon + steps[1], 2), (noon + steps[2], 3)):
        before = sa.select(sa.func.count()).where(table.c.at <= limit)
        assert kept.read(first, before) == count


def test_a_moment_without_a_zone_is_refused(kept: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        stored(kept, at=datetime(2026, 1, 1))


def test_now_and_after_agree_with_what_is_stored(kept: Database) -> None:
    key, given = str(uuid.uuid4()), datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)
    kept.run_at(given, lambda tx: tx.execute(sa.insert(table).values(id=key, at=tx.after(90.5))))
    select = kept.read(lambda tx: sa.select(table.c.at, tx.micros(table.c.at)))
    at, micros = kept.read(lambda tx: tuple(tx.execute(select).one()))
    assert at == given + timedelta(seconds=90.5)
    assert micros == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_an_identifier_is_found_in_any_case_and_comes_back_in_lower(kept: Database) -> None:
    token = "01A2086F-9C4E-7ABC-98C0-7D2E035F2538"
    kept.run(lambda tx: tx.execute(sa.insert(table).values(id=token)))
    for spelt in (token, token.lower(), token.title()):
        for where in (table.c.id == spelt, table.c.id.in_([spelt])):
            assert kept.read(first, sa.select(table.c.id).where(where)) == token.lower()
    with pytest.raises(sa.exc.IntegrityError):
        kept.run(lambda tx: tx.execute(sa.insert(table).values(id=token.lower())))


@given(document=st.dictionaries(texts, documents, max_size=4))
@EXAMPLES
def test_a_document_comes_back_as_it_was(kept: Database, document: dict[str, object]) -> None:
    assert stored(kept, document=document).document == document


def test_no_document_is_null_and_an_empty_one_is_not(kept: Database) -> None:
    assert stored(kept, document=None).document is None
    assert stored(kept, document={}).document == {}
    nulls = sa.select(sa.func.count()).where(table.c.document.is_(sa.null()))
    assert kept.read(lambda tx: tx.execute(nulls).scalar()) == 1


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63 - 1])
def test_a_counter_holds_64_bits(kept: Database, number: int) -> None:
    assert stored(kept, number=number).number == number
