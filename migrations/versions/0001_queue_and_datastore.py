"""The queue and the datastore as they were born, with the guard on jobs."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

from connector.db.dialects.ddl import announce
from connector.db.dialects.scripts import run_guard
from connector.db.types import Identifier, Timestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen on purpose: what a migration did must not change with the program.
Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Document = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)

Name = sa.Text().with_variant(mysql.VARCHAR(255, collation="utf8mb4_nopad_bin"), "mariadb")
MARIADB: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}

TRANSITIONS = (
    ("claim", "queued", "running"),
    ("finish", "running", "finished"),
    ("fail", "running", "failed"),
    ("retry", "running", "queued"),
    ("release", "running", "queued"),
    ("stop", "running", "stopped"),
    ("hold", "queued", "paused"),
    ("suspend", "running", "paused"),
    ("resume", "paused", "queued"),
    ("cancel", "queued", "cancelled"),
    ("cancel", "paused", "cancelled"),
    ("reopen", "failed", "queued"),
    ("reopen", "stopped", "queued"),
    ("reopen", "cancelled", "queued"),
)

schema = op.get_context().version_table_schema

CHANGING = "attempt started_at worker_id state changed_by result error ended_at".split()
"""Columns of jobs that change while an action is on its way, in that order."""


def changing_last(*columns: sa.Column[Any]) -> list[sa.Column[Any]]:
    """Return columns in the order in which PostgreSQL stores them; nothing else depends on it.

    What a new version of a row begins with as the old one did, PostgreSQL leaves out of its log.
    Tables that 0.1.0 made have the order of the text below, as those of other engines.
    """
    if op.get_context().dialect.name != "postgresql":
        return list(columns)
    return sorted(
        columns, key=lambda each: CHANGING.index(each.name) if each.name in CHANGING else -1
    )


def qualified(name: str) -> str:
    return f"{schema}.{name}" if schema else name


def upgrade() -> None:
    announce("0001 makes the tables of the queue and the datastore; it locks nothing that is there")
    op.create_table(
        "job_transitions",
        sa.Column("verb", Name, nullable=False, comment="the move's name"),
        sa.Column("source", Name, nullable=False, comment="state before"),
        sa.Column("target", Name, nullable=False, comment="state after"),
        sa.PrimaryKeyConstraint("verb", "source", "target", name=op.f("job_transitions_pkey")),
        comment="Every legal move of a job; the guard on jobs consults it",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "jobs",
        *changing_last(
            sa.Column(
                "token",
                Identifier(),
                nullable=False,
                comment="uuid v7 the client holds; time order",
            ),
            sa.Column(
                "queue", Name, nullable=False, comment="the action's name, which names its queue"
            ),
            sa.Column(
                "state", Name, nullable=False, comment="moves only as job_transitions allows"
            ),
            sa.Column(
                "priority",
                sa.Integer(),
                nullable=False,
                comment="larger runs sooner; 0 is ordinary",
            ),
            sa.Column(
                "run_at", Timestamp(), nullable=False, comment="not claimed before this moment"
            ),
            sa.Column(
                "rank", sa.BigInteger(), nullable=False, comment="claim order, smallest first: us"
            ),
            sa.Column(
                "attempt",
                Counter,
                nullable=False,
                comment="claims so far; never goes down; the fence",
            ),
            sa.Column(
                "failures",
                Counter,
                nullable=False,
                comment="attempts that count against MaxAttempts",
            ),
            sa.Column(
                "losses", Counter, nullable=False, comment="attempts lost with their worker or host"
            ),
            sa.Column(
                "worker_id", Identifier(), nullable=True, comment="the worker of the newest attempt"
            ),
            sa.Column(
                "tasks",
                sa.Text(),
                nullable=True,
                comment="tasks of which at most one job runs at a time: A,B",
            ),
            sa.Column(
                "requested",
                sa.Text(),
                nullable=True,
                comment="stop or pause, asked of a running job",
            ),
            sa.Column("requested_at", Timestamp(), nullable=True, comment="when that was asked"),
            sa.Column("requested_by", sa.Text(), nullable=True, comment="who asked"),
            sa.Column("requested_reason", sa.Text(), nullable=True, comment="why"),
            sa.Column(
                "parameters", Document, nullable=False, comment="the action's parameters as sent"
            ),
            sa.Column(
                "result",
                Document,
                nullable=True,
                comment="what the action returned, elements by name",
            ),
            sa.Column(
                "error", sa.Text(), nullable=True, comment="why it failed, in words for people"
            ),
            sa.Column("submitted_by", sa.Text(), nullable=True, comment="address of the client"),
            sa.Column(
                "action_id",
                sa.Text(),
                nullable=True,
                comment="ActionID the client sent, for its own logs",
            ),
            sa.Column(
                "config_hash",
                sa.Text(),
                nullable=True,
                comment="configuration of the server that took it",
            ),
            sa.Column(
                "changed_by",
                sa.Text(),
                nullable=False,
                comment="who made the last move, by which verb",
            ),
            sa.Column(
                "queued_at",
                Timestamp(),
                nullable=False,
                comment="when it was stored; never changes",
            ),
            sa.Column(
                "started_at", Timestamp(), nullable=True, comment="start of the newest attempt"
            ),
            sa.Column("ended_at", Timestamp(), nullable=True, comment="when it became final"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('queued', 'running', 'paused'))",
            name=op.f("jobs_ended_when_final"),
        ),
        sa.CheckConstraint("requested IN ('stop', 'pause')", name=op.f("jobs_requested_known")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'finished', 'failed', 'cancelled', "
            "'stopped')",
            name=op.f("jobs_state_known"),
        ),
        sa.CheckConstraint(
            sa.func.char_length(sa.column("error")) <= 8000, name=op.f("jobs_error_length")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("jobs_pkey")),
        comment="One row an action: the queue itself, and its history",
        schema=schema,
        **MARIADB,
    )
    op.create_index(
        "jobs_open",
        "jobs",
        ["state", "queue", "rank", "token"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running', 'paused')"),
        sqlite_where=sa.text("state IN ('queued', 'running', 'paused')"),
        schema=schema,
    )
    op.create_table(
        "queues",
        sa.Column("queue", Name, nullable=False, comment="the action's name"),
        sa.Column(
            "paused", sa.Boolean(), nullable=False, comment="nothing of it is claimed while true"
        ),
        sa.Column(
            "changed_at", Timestamp(), nullable=False, comment="when it was paused or resumed"
        ),
        sa.Column("changed_by", sa.Text(), nullable=False, comment="by whom"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why"),
        sa.PrimaryKeyConstraint("queue", name=op.f("queues_pkey")),
        comment="What holds for a whole queue; its row is the lock where claims must take turns",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("product", sa.Text(), nullable=False, comment="whose schema this is"),
        sa.Column("version", sa.Integer(), nullable=False, comment="version of the schema"),
        sa.Column(
            "oldest_program", sa.Text(), nullable=False, comment="older programs must not run"
        ),
        sa.Column(
            "environment",
            sa.Text(),
            nullable=True,
            comment="name of the deployment the data belongs to",
        ),
        sa.Column("created_at", Timestamp(), nullable=False, comment="when it was made"),
        sa.CheckConstraint("id = 1", name=op.f("schema_info_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("schema_info_pkey")),
        comment="What this schema is, and which programs may run on it",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "task_items",
        sa.Column("task", Name, nullable=False, comment="the task"),
        sa.Column("reference", Name, nullable=False, comment="reference of the document"),
        sa.Column("room_id", Name, nullable=False, comment="room it was found in"),
        sa.Column(
            "parent", sa.Text(), nullable=True, comment="reference of the message a file hangs on"
        ),
        sa.Column(
            "created",
            Name,
            nullable=False,
            comment="when its message was written; text order is time order",
        ),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="tells whether it has changed"),
        sa.PrimaryKeyConstraint("task", "reference", name=op.f("task_items_pkey")),
        comment="Documents a task has delivered, so that edits and deletions are found",
        schema=schema,
        **MARIADB,
    )
    op.create_index(
        "task_items_room", "task_items", ["task", "room_id", "created"], unique=False, schema=schema
    )
    op.create_table(
        "task_rooms",
        sa.Column("task", Name, nullable=False, comment="the task"),
        sa.Column("room_id", Name, nullable=False, comment="Webex id of the room"),
        sa.Column("title", sa.Text(), nullable=True, comment="title when last seen"),
        sa.Column(
            "last_activity",
            sa.Text(),
            nullable=True,
            comment="lastActivity when last walked; equal means skip",
        ),
        sa.Column(
            "newest",
            sa.Text(),
            nullable=True,
            comment="when the newest message taken was written; the watermark",
        ),
        sa.Column(
            "walked_by", Identifier(), nullable=True, comment="run that last walked it to its end"
        ),
        sa.Column("walked_at", Timestamp(), nullable=True, comment="when that was"),
        sa.PrimaryKeyConstraint("task", "room_id", name=op.f("task_rooms_pkey")),
        comment="Rooms a task has walked",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "tasks",
        sa.Column("task", Name, nullable=False, comment="name of the task's section, upper case"),
        sa.Column(
            "holder_token",
            Identifier(),
            nullable=True,
            comment="job that may write the task's rows",
        ),
        sa.Column("holder_attempt", Counter, nullable=True, comment="attempt of that job"),
        sa.Column("held_at", Timestamp(), nullable=True, comment="since when"),
        sa.Column(
            "run_token",
            Identifier(),
            nullable=True,
            comment="run that checkpoint and counts belong to",
        ),
        sa.Column(
            "checkpoint",
            Document,
            nullable=True,
            comment="where that run goes on; null when it is complete",
        ),
        sa.Column("counts", Document, nullable=True, comment="documentcounts of that run so far"),
        sa.Column(
            "completed_at",
            Timestamp(),
            nullable=True,
            comment="when a run last walked the whole task",
        ),
        sa.PrimaryKeyConstraint("task", name=op.f("tasks_pkey")),
        comment="Fetch tasks: who holds each, and how far its run is",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "workers",
        sa.Column("id", Identifier(), nullable=False, comment="made anew at each start"),
        sa.Column("host", sa.Text(), nullable=False, comment="name of the host"),
        sa.Column(
            "boot_id", sa.Text(), nullable=False, comment="the host's boot, as the kernel names it"
        ),
        sa.Column("pid", Counter, nullable=False, comment="process id on that host"),
        sa.Column("program", sa.Text(), nullable=False, comment="version of the program"),
        sa.Column(
            "serves", Document, nullable=False, comment="queues with their limits, and tasks"
        ),
        sa.Column("beat", Counter, nullable=False, comment="goes up while it lives; never reused"),
        sa.Column(
            "beat_at", Timestamp(), nullable=False, comment="for people; leases compare beat only"
        ),
        sa.Column("started_at", Timestamp(), nullable=False, comment="when it registered"),
        sa.PrimaryKeyConstraint("id", name=op.f("workers_pkey")),
        comment="The workers that hold a lease; a running job without its worker's row is rescued",
        schema=schema,
        **MARIADB,
    )
    op.create_table(
        "job_events",
        sa.Column("id", Counter, autoincrement=True, nullable=False, comment="order of arrival"),
        sa.Column("token", Identifier(), nullable=False, comment="the job"),
        sa.Column("at", Timestamp(), nullable=False, comment="when it happened"),
        sa.Column("event", Name, nullable=False, comment="the verb, 'fenced' or 'by hand'"),
        sa.Column("source", Name, nullable=True, comment="state before"),
        sa.Column("target", Name, nullable=True, comment="state after"),
        sa.Column("attempt", Counter, nullable=True, comment="the attempt it concerns"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who did it"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why"),
        sa.ForeignKeyConstraint(
            ["token"],
            [qualified("jobs.token")],
            name=op.f("job_events_token_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("job_events_pkey")),
        comment="What happened off the ordinary path; the ordinary path is told by the row itself",
        schema=schema,
        **MARIADB,
    )
    op.create_index("job_events_token", "job_events", ["token", "id"], unique=False, schema=schema)
    op.create_table(
        "job_progress",
        sa.Column("token", Identifier(), nullable=False, comment="the job"),
        sa.Column("attempt", Counter, nullable=False, comment="the attempt that wrote last"),
        sa.Column("progress", Document, nullable=True, comment="how far it is: numbers by name"),
        sa.Column("checkpoint", Document, nullable=True, comment="where a later attempt goes on"),
        sa.Column("updated_at", Timestamp(), nullable=False, comment="when it was written"),
        sa.ForeignKeyConstraint(
            ["token"],
            [qualified("jobs.token")],
            name=op.f("job_progress_token_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("job_progress_pkey")),
        comment="How far jobs are; narrow, so that frequent updates are cheap",
        postgresql_with={"fillfactor": "70"},
        schema=schema,
        **MARIADB,
    )

    names = ("verb", "source", "target")
    moves = sa.table(
        "job_transitions", *(sa.column(name, sa.Text) for name in names), schema=schema
    )
    op.bulk_insert(moves, [dict(zip(names, row, strict=True)) for row in TRANSITIONS])
    info = sa.table(
        "schema_info",
        sa.column("id", sa.Integer),
        sa.column("product", sa.Text),
        sa.column("version", sa.Integer),
        sa.column("oldest_program", sa.Text),
        sa.column("created_at", Timestamp()),
        schema=schema,
    )
    op.execute(
        info.insert().values(
            id=1,
            product="webex-connector",
            version=1,
            oldest_program="0.1.0",
            created_at=sa.func.current_timestamp(),
        )
    )
    run_guard("0001")


def downgrade() -> None:
    announce("0001 removes every table: each is locked against all others until it is gone")
    run_guard("0001", drop=True)
    for table in (
        "job_progress",
        "job_events",
        "jobs",
        "job_transitions",
        "workers",
        "queues",
        "schema_info",
        "task_items",
        "task_rooms",
        "tasks",
    ):
        op.drop_table(table, schema=schema)
