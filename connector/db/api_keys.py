"""API keys: the table, and what is done with it. A key itself is shown once and never stored."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.db.metadata import metadata
from connector.db.types import Name, Timestamp

PREFIX = "wxc"
"""What a key begins with, so that programs that look for leaked secrets find it."""

ID_LENGTH = 12
"""Characters of an id, the public part of a key."""

Column = sa.Column

api_keys = sa.Table(
    "api_keys",
    metadata,
    Column("id", Name, primary_key=True, comment="public part of the key, as in wxc_ID_…"),
    Column("name", sa.Text, nullable=False, comment="who or what the key is for"),
    Column("digest", sa.Text, nullable=False, comment="SHA-256 of the whole key, hexadecimal"),
    Column("roles", sa.Text, nullable=False, comment="roles it gives: Admin,Query"),
    Column("queues", sa.Text, comment="queues it is good for: A,B; null: all"),
    Column("created_at", Timestamp, nullable=False, comment="when it was made"),
    Column("created_by", sa.Text, nullable=False, comment="by whom"),
    Column("expires_at", Timestamp, comment="not accepted from then on; null: never"),
    Column("revoked_at", Timestamp, comment="when it was revoked: not accepted since"),
    Column("revoked_by", sa.Text, comment="by whom"),
    comment="API keys of HTTP clients: what each may do; the keys themselves are stored nowhere",
)


@dataclass(frozen=True)
class ApiKey:
    """A stored key. `queues`: those it is good for, None for all. Times are aware, in UTC."""

    id: str
    name: str
    digest: str = field(repr=False)
    roles: tuple[str, ...]
    queues: tuple[str, ...] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


def create(
    tx: Tx,
    name: str,
    roles: Sequence[str],
    queues: Sequence[str] | None,
    by: str,
    seconds: float | None = None,
) -> str:
    """Store a new key and return it: the only time that it can be seen.

    `queues`: None for all; `seconds`: how long it is good for, None for ever.
    """
    identity = secrets.token_hex(ID_LENGTH // 2)
    # 256 random bits: a slow hash, which helps against guessing what people think up, adds nothing.
    key = f"{PREFIX}_{identity}_{secrets.token_urlsafe(32)}"
    row = {
        "id": identity,
        "name": name,
        "digest": digest(key),
        "roles": ",".join(roles),
        "queues": None if queues is None else ",".join(queues),
        "created_at": tx.now,
        "created_by": by,
        "expires_at": None if seconds is None else tx.after(seconds),
    }
    tx.execute(sa.insert(api_keys).values(row))
    return key


def every(tx: Tx) -> list[ApiKey]:
    """Return all keys, the oldest first."""
    select = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
    return [_key(row) for row in tx.execute(select)]


def live(tx: Tx) -> dict[str, ApiKey]:
    """Return the keys that are accepted now, by their public part."""
    c = api_keys.c
    good = sa.or_(c.expires_at.is_(None), c.expires_at > tx.now)
    select = sa.select(api_keys).where(c.revoked_at.is_(None), good)
    return {row.id: _key(row) for row in tx.execute(select)}


def revoke(tx: Tx, identity: str, by: str) -> bool:
    """Have a key not be accepted any more. True if there is one; again does no harm."""
    c = api_keys.c
    told = {"revoked_at": tx.now, "revoked_by": by}
    this = sa.update(api_keys).where(c.id == identity, c.revoked_at.is_(None))
    if tx.execute(this.values(told)).rowcount:
        return True
    return tx.execute(sa.select(c.id).where(c.id == identity)).first() is not None


def public_part(key: str) -> str | None:
    """Return the part of a key that names its row, or None if this looks like no key of ours."""
    prefix, _, rest = key.partition("_")
    identity, separator, secret = rest.partition("_")
    return identity if prefix == PREFIX and identity and separator and secret else None


def digest(key: str) -> str:
    """Return what is stored of a key: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def matches(stored: ApiKey, key: str) -> bool:
    """Whether this is the key whose digest was stored; takes as long for a wrong one."""
    return hmac.compare_digest(stored.digest, digest(key))


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    values = row._asdict()
    queues = values["queues"]
    values["roles"] = tuple(values["roles"].split(","))
    values["queues"] = None if queues is None else tuple(queues.split(","))
    return ApiKey(**values)
