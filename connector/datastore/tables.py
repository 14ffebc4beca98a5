"""The tables of the datastore. Migrations hold their own frozen copy."""

import sqlalchemy as sa

from connector.db.metadata import metadata
from connector.db.types import Counter, Document, Identifier, Name, Timestamp

Column = sa.Column

tasks = sa.Table(
    "tasks",
    metadata,
    Column("task", Name, primary_key=True, comment="name of the task's section, upper case"),
    Column("holder_token", Identifier, comment="job that may write the task's rows"),
    Column("holder_attempt", Counter, comment="attempt of that job"),
    Column("held_at", Timestamp, comment="since when"),
    Column("run_token", Identifier, comment="run that checkpoint and counts belong to"),
    Column("checkpoint", Document, comment="where that run goes on; null when it is complete"),
    Column("counts", Document, comment="documentcounts of that run so far"),
    Column("completed_at", Timestamp, comment="when a run last walked the whole task"),
    comment="Fetch tasks: who holds each, and how far its run is",
)

task_rooms = sa.Table(
    "task_rooms",
    metadata,
    Column("task", Name, primary_key=True, comment="the task"),
    Column("room_id", Name, primary_key=True, comment="Webex id of the room"),
    Column("title", sa.Text, comment="title when last seen"),
    Column("last_activity", sa.Text, comment="lastActivity when last walked; equal means skip"),
    Column("newest", sa.Text, comment="when the newest message taken was written; the watermark"),
    Column("walked_by", Identifier, comment="run that last walked it to its end"),
    Column("walked_at", Timestamp, comment="when that was"),
    comment="Rooms a task has walked",
)

task_items = sa.Table(
    "task_items",
    metadata,
    Column("task", Name, primary_key=True, comment="the task"),
    Column("reference", Name, primary_key=True, comment="reference of the document"),
    Column("room_id", Name, nullable=False, comment="room it was found in"),
    Column("parent", sa.Text, comment="reference of the message a file hangs on"),
    Column(
        "created",
        Name,
        nullable=False,
        comment="when its message was written; text order is time order",
    ),
    Column("fingerprint", sa.Text, nullable=False, comment="tells whether it has changed"),
    sa.Index("task_items_room", "task", "room_id", "created"),
    comment="Documents a task has delivered, so that edits and deletions are found",
)
