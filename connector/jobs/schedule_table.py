"""The table of schedules, as a DBA sees it. Migrations hold their own frozen copy."""

import sqlalchemy as sa

from connector.db.metadata import metadata
from connector.db.types import Counter, Document, Identifier, Name, Timestamp

Column = sa.Column

schedules = sa.Table(
    "schedules",
    metadata,
    Column("task", Name, primary_key=True, comment="the fetch task that it runs"),
    Column("queue", Name, nullable=False, comment="the action's name, which names its queue"),
    Column("parameters", Document, nullable=False, comment="parameters of the actions it stores"),
    Column("start", sa.Text, nullable=False, comment="now, a local time, or a local day and time"),
    Column("zone", sa.Text, nullable=False, comment="zone of the tz database for local times"),
    Column("repeat_seconds", Counter, nullable=False, comment="to the next due time; 0: once"),
    Column("cycles", Counter, nullable=False, comment="runs in all; -1: without end"),
    Column("missed", Name, nullable=False, comment="once or skip: due times nobody was there for"),
    Column("first_at", Timestamp, nullable=False, comment="due time the others are counted from"),
    Column("due_at", Timestamp, comment="the next due time; null: none is left"),
    Column("runs", Counter, nullable=False, comment="due times so far that had the task run"),
    Column("last_due_at", Timestamp, comment="the due time of the last run"),
    Column("last_token", Identifier, comment="the job that it became, or that it joined"),
    Column("asked_by", sa.Text, comment="who wants a run now, beside the due times"),
    Column("gone_at", Timestamp, comment="since when no worker knows it; removed some days later"),
    Column("changed_at", Timestamp, nullable=False, comment="when it was made or changed"),
    Column("changed_by", sa.Text, nullable=False, comment="by whom"),
    sa.CheckConstraint("missed IN ('once', 'skip')", name="missed_known"),
    comment="When fetch tasks are run by themselves; each due time is one change of its row",
)
