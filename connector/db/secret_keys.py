"""Which keys the key file of every host must hold: their fingerprints, where all hosts see them."""

from collections.abc import Sequence

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.db.schema import schema_info

_kept = schema_info.c.secret_keys


def recorded(tx: Tx) -> tuple[str, ...]:
    """Return the fingerprints, the newest key's first; none if no host has made a file yet."""
    found: str | None = tx.execute(sa.select(_kept)).scalar()
    return tuple(found.split(",")) if found else ()


def record(tx: Tx, fingerprints: Sequence[str]) -> None:
    """Say that these are the keys from now on."""
    tx.execute(sa.update(schema_info).values(secret_keys=",".join(fingerprints)))


def record_first(tx: Tx, fingerprints: Sequence[str]) -> tuple[str, ...]:
    """Record keys unless another host was faster; return those that count."""
    given = ",".join(fingerprints)
    tx.execute(sa.update(schema_info).where(_kept.is_(None)).values(secret_keys=given))
    return recorded(tx)
