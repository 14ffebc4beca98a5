"""The tables of events that are to be delivered. Migrations hold their own frozen copy."""

import sqlalchemy as sa

from connector.db.metadata import metadata
from connector.db.types import Counter, Document, Identifier, Name, Timestamp

Column = sa.Column

outbox = sa.Table(
    "outbox",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True, comment="order of delivery"),
    Column("event_id", Identifier, nullable=False, comment="uuid v7 by which targets know it"),
    Column("handler", Name, nullable=False, comment="section that says where it goes"),
    Column("token", Identifier, comment="the job; null: an event of the whole queue"),
    Column("queue", Name, nullable=False, comment="the queue"),
    Column("event", Name, nullable=False, comment="OnStart, OnFinish, OnError, ..."),
    Column("at", Timestamp, nullable=False, comment="when it happened"),
    Column("payload", Document, nullable=False, comment="what was so then: job and parameters"),
    Column("attempts", Counter, nullable=False, comment="deliveries that failed"),
    Column("next_at", Timestamp, comment="not tried before this moment; null: over"),
    Column("delivered_at", Timestamp, comment="when its target had taken it"),
    Column("given_up_at", Timestamp, comment="since when it is not tried any more"),
    Column("error", sa.Text, comment="why the last try failed"),
    sa.CheckConstraint(
        "(next_at IS NULL) = (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)",
        name="over_when_told",
    ),
    comment="Events for handlers, stored with the move they tell of; no row without a handler",
)

_pending = sa.text("next_at IS NOT NULL")

sa.Index(
    "outbox_due",
    outbox.c.handler,
    outbox.c.next_at,
    outbox.c.id,
    postgresql_where=_pending,
    sqlite_where=_pending,
)

sa.Index(
    "outbox_order",
    outbox.c.token,
    outbox.c.handler,
    outbox.c.id,
    postgresql_where=_pending,
    sqlite_where=_pending,
)

queue_levels = sa.Table(
    "queue_levels",
    metadata,
    Column("queue", Name, primary_key=True, comment="the queue, which has a handler for this"),
    Column("level", Name, nullable=False, comment="empty, between or full, when last looked at"),
    Column("event", Name, comment="QueueFull, QueueFilling, ...: the last one told; null: none"),
    Column("changed_at", Timestamp, nullable=False, comment="when one of these changed"),
    comment="How full queues were at their last event; only of queues with OnQueueEvent",
)
