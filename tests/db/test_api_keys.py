"""API keys in the database, on every engine."""

import sqlalchemy as sa

from connector.db import api_keys
from connector.db.engine import Database


def created(database: Database, name: str = "ci", seconds: float | None = None) -> str:
    return database.run(api_keys.create, name, ["Query", "Admin"], ["Fetch"], "cli me", seconds)


def test_a_key_is_found_by_its_public_part_and_told_from_a_wrong_one(database: Database) -> None:
    key, other = created(database), created(database, "other")
    found = database.read(api_keys.live)[api_keys.public_part(key) or ""]
    assert api_keys.matches(found, key)
    assert not api_keys.matches(found, other)
    assert (found.name, found.roles, found.queues) == ("ci", ("Query", "Admin"), ("Fetch",))
    assert found.created_by == "cli me"
    assert found.created_at.tzinfo is not None


def test_the_key_itself_is_nowhere_in_the_database_nor_in_what_is_printed(
    database: Database,
) -> None:
    key = created(database)
    secret = key.split("_", 2)[2]
    rows = database.read(lambda tx: tx.execute(sa.select(api_keys.api_keys)).all())
    assert secret not in repr(rows)
    (stored,) = database.read(api_keys.every)
    assert stored.digest not in repr(stored)


def test_a_key_for_all_queues_has_none_named(database: Database) -> None:
    database.run(api_keys.create, "all", ["Query"], None, "cli me")
    (stored,) = database.read(api_keys.every)
    assert stored.queues is None


def test_a_revoked_key_lives_no_more_and_stays_listed_with_who_did_it(database: Database) -> None:
    identity = api_keys.public_part(created(database)) or ""
    assert database.run(api_keys.revoke, identity, "cli me")
    assert database.run(api_keys.revoke, identity, "cli you"), "again does no harm"
    assert not database.run(api_keys.revoke, "0000", "cli me")
    assert database.read(api_keys.live) == {}
    (stored,) = database.read(api_keys.every)
    assert stored.revoked_by == "cli me"
    assert stored.revoked_at is not None


def test_a_key_is_good_until_it_expires(database: Database) -> None:
    created(database, "over", 0.0001)
    lasting = created(database, "lasting", 3600)
    alive = database.read(api_keys.live)
    assert set(alive) == {api_keys.public_part(lasting)}


def test_what_does_not_look_like_a_key_has_no_public_part() -> None:
    for text in ("", "wxc", "wxc_", "wxc_a", "wxc__b", "abc_a_b", "wxc_a_"):
        assert api_keys.public_part(text) is None
    assert api_keys.public_part("wxc_a_b_c") == "a"
