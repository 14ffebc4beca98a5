"""What clients bring and are told: API keys, keys of requests, schedules, events for handlers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import create_functions, drop_functions, run, run_guard
from connector.db.types import Identifier, Timestamp

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Frozen on purpose: what a migration did must not change with the program.
Name = sa.Text().with_variant(mysql.VARCHAR(255, collation="utf8mb4_nopad_bin"), "mariadb")
Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Document = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
MARIADB: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


COMMENTS = {
    "0004": "configuration of the server that took it",
    "0005": "configuration it runs with; +: and its request's",
}
"""What is said of jobs.config_hash since each revision."""


def upgrade() -> None:
    announce(
        "0005 adds the tables api_keys, idempotency_keys, ended_counts, schedules, outbox and "
        "queue_levels, and locks jobs for a moment, to add triggers"
    )
    op.create_table(
        "api_keys",
        sa.Column("id", Name, nullable=False, comment="public part of the key, as in wxc_ID_…"),
        sa.Column("name", sa.Text(), nullable=False, comment="who or what the key is for"),
        sa.Column(
            "digest", sa.Text(), nullable=False, comment="SHA-256 of the whole key, hexadecimal"
        ),
        sa.Column("roles", sa.Text(), nullable=False, comment="roles it gives: Admin,Query"),
        sa.Column("queues", sa.Text(), comment="queues it is good for: A,B; null: all"),
        sa.Column("created_at", Timestamp(), nullable=False, comment="when it was made"),
        sa.Column("created_by", sa.Text(), nullable=False, comment="by whom"),
        sa.Column("expires_at", Timestamp(), comment="not accepted from then on; null: never"),
        sa.Column("revoked_at", Timestamp(), comment="when it was revoked: not accepted since"),
        sa.Column("revoked_by", sa.Text(), comment="by whom"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        comment="API keys of HTTP clients: what each may do; the keys themselves are stored "
        "nowhere",
        schema=schema,
        **once(),
        **MARIADB,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", Name, nullable=False, comment="what the client calls its request"),
        sa.Column("token", Identifier(), nullable=False, comment="the job that it became"),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of queue and parameters"),
        sa.PrimaryKeyConstraint("key", name=op.f("idempotency_keys_pkey")),
        comment="Requests that clients may send again: the same key gives the same token",
        schema=schema,
        **once(),
        **MARIADB,
    )
    op.create_table(
        "ended_counts",
        sa.Column("queue", Name, nullable=False, comment="the action's name"),
        sa.Column("jobs", Counter, nullable=False, comment="its jobs that ended until upto"),
        sa.Column(
            "upto", Timestamp(), nullable=False, comment="the same for all; workers move it on"
        ),
        sa.PrimaryKeyConstraint("queue", name=op.f("ended_counts_pkey")),
        comment="How many jobs have ended, but for the newest, which are counted when somebody "
        "asks",
        schema=schema,
        **once(),
        **MARIADB,
    )
    run_guard("0005")
    told = "what goes with a removed job"
    index = "idempotency_keys_token"
    if engine == "mariadb":
        run(f"CREATE INDEX IF NOT EXISTS {index} ON idempotency_keys (token) COMMENT '{told}'")
    else:
        op.create_index(index, "idempotency_keys", ["token"], schema=schema, **once())
    add_schedules()
    if engine == "postgresql":
        run("COMMENT ON INDEX :schema.schedules_pkey IS 'the key of schedules'")
        run("COMMENT ON INDEX :schema.api_keys_pkey IS 'the key of api_keys'")
        run("COMMENT ON INDEX :schema.idempotency_keys_pkey IS 'the key of idempotency_keys'")
        run("COMMENT ON INDEX :schema.ended_counts_pkey IS 'the key of ended_counts'")
        run(f"COMMENT ON INDEX :schema.idempotency_keys_token IS '{told}'")
    _create_outbox()
    _tell_of_config_hash("0005")
    if engine == "postgresql":
        create_functions("0005")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=5))


def add_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("task", Name, nullable=False, comment="the fetch task that it runs"),
        sa.Column(
            "queue", Name, nullable=False, comment="the action's name, which names its queue"
        ),
        sa.Column(
            "parameters", Document, nullable=False, comment="parameters of the actions it stores"
        ),
        sa.Column(
            "start", sa.Text(), nullable=False, comment="now, a local time, or a local day and time"
        ),
        sa.Column(
            "zone", sa.Text(), nullable=False, comment="zone of the tz database for local times"
        ),
        sa.Column(
            "repeat_seconds", Counter, nullable=False, comment="to the next due time; 0: once"
        ),
        sa.Column("cycles", Counter, nullable=False, comment="runs in all; -1: without end"),
        sa.Column(
            "missed", Name, nullable=False, comment="once or skip: due times nobody was there for"
        ),
        sa.Column(
            "first_at", Timestamp(), nullable=False, comment="due time the others are counted from"
        ),
        sa.Column("due_at", Timestamp(), comment="the next due time; null: none is left"),
        sa.Column(
            "runs", Counter, nullable=False, comment="due times so far that had the task run"
        ),
        sa.Column("last_due_at", Timestamp(), comment="the due time of the last run"),
        sa.Column("last_token", Identifier(), comment="the job that it became, or that it joined"),
        sa.Column("asked_by", sa.Text(), comment="who wants a run now, beside the due times"),
        sa.Column(
            "gone_at", Timestamp(), comment="since when no worker knows it; removed some days later"
        ),
        sa.Column("changed_at", Timestamp(), nullable=False, comment="when it was made or changed"),
        sa.Column("changed_by", sa.Text(), nullable=False, comment="by whom"),
        sa.PrimaryKeyConstraint("task", name=op.f("schedules_pkey")),
        sa.CheckConstraint("missed IN ('once', 'skip')", name=op.f("schedules_missed_known")),
        comment="When fetch tasks are run by themselves; each due time is one change of its row",
        schema=schema,
        **once(),
        **MARIADB,
    )


def downgrade() -> None:
    announce(
        "0005 removes the tables api_keys, idempotency_keys, ended_counts, schedules, outbox and "
        "queue_levels, and locks jobs for a moment, to remove triggers"
    )
    op.execute(_info().update().values(version=4))
    if engine == "postgresql":
        drop_functions("0005")
        create_functions("0004", only="grant_rights()")
    _tell_of_config_hash("0004")
    op.drop_table("queue_levels", schema=schema)
    op.drop_table("outbox", schema=schema)
    run_guard("0005", drop=True)
    op.drop_table("ended_counts", schema=schema)
    op.drop_table("schedules", schema=schema)
    op.drop_table("idempotency_keys", schema=schema)
    op.drop_table("api_keys", schema=schema)


def _tell_of_config_hash(since: str) -> None:
    if engine != "sqlite":  # which has no comments
        op.alter_column(
            "jobs",
            "config_hash",
            existing_type=sa.Text(),
            existing_nullable=True,
            comment=COMMENTS[since],
            schema=schema,
        )


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)


OUTBOX_INDEXES = {
    "outbox_due": ("handler, next_at, id", "what a handler is to deliver next"),
    "outbox_order": ("token, handler, id", "whether an earlier event of a job still waits"),
}


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Counter, autoincrement=True, nullable=False, comment="order of delivery"),
        sa.Column(
            "event_id", Identifier(), nullable=False, comment="uuid v7 by which targets know it"
        ),
        sa.Column("handler", Name, nullable=False, comment="section that says where it goes"),
        sa.Column("token", Identifier(), comment="the job; null: an event of the whole queue"),
        sa.Column("queue", Name, nullable=False, comment="the queue"),
        sa.Column("event", Name, nullable=False, comment="OnStart, OnFinish, OnError, ..."),
        sa.Column("at", Timestamp(), nullable=False, comment="when it happened"),
        sa.Column(
            "payload", Document, nullable=False, comment="what was so then: job and parameters"
        ),
        sa.Column("attempts", Counter, nullable=False, comment="deliveries that failed"),
        sa.Column("next_at", Timestamp(), comment="not tried before this moment; null: over"),
        sa.Column("delivered_at", Timestamp(), comment="when its target had taken it"),
        sa.Column("given_up_at", Timestamp(), comment="since when it is not tried any more"),
        sa.Column("error", sa.Text(), comment="why the last try failed"),
        sa.CheckConstraint(
            "(next_at IS NULL) = (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)",
            name=op.f("outbox_over_when_told"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
        comment="Events for handlers, stored with the move they tell of; no row without a handler",
        schema=schema,
        **once(),
        **MARIADB,
    )
    op.create_table(
        "queue_levels",
        sa.Column("queue", Name, nullable=False, comment="the queue, which has a handler for this"),
        sa.Column(
            "level", Name, nullable=False, comment="empty, between or full, when last looked at"
        ),
        sa.Column(
            "event", Name, comment="QueueFull, QueueFilling, ...: the last one told; null: none"
        ),
        sa.Column("changed_at", Timestamp(), nullable=False, comment="when one of these changed"),
        sa.PrimaryKeyConstraint("queue", name=op.f("queue_levels_pkey")),
        comment="How full queues were at their last event; only of queues with OnQueueEvent",
        schema=schema,
        **once(),
        **MARIADB,
    )
    for name, (columns, told) in OUTBOX_INDEXES.items():
        if engine == "mariadb":
            run(f"CREATE INDEX IF NOT EXISTS {name} ON outbox ({columns}) COMMENT '{told}'")
            continue
        pending = sa.text("next_at IS NOT NULL")
        op.create_index(
            name,
            "outbox",
            columns.split(", "),
            schema=schema,
            postgresql_where=pending,
            sqlite_where=pending,
        )
        if engine == "postgresql":
            run(f"COMMENT ON INDEX :schema.{name} IS '{told}'")
    if engine == "postgresql":
        run("COMMENT ON INDEX :schema.outbox_pkey IS 'the key of outbox'")
        run("COMMENT ON INDEX :schema.queue_levels_pkey IS 'the key of queue_levels'")
