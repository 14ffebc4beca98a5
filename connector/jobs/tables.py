"""The tables of the queue, as a DBA sees them. Migrations hold their own frozen copy."""

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.metadata import metadata
from connector.db.types import Counter, Digest, Document, Identifier, LongText, Name, Timestamp
from connector.jobs.states import OPEN, Requested, State

MAX_ERROR = 8000
"""Characters kept of a job's error text; what is longer is cut."""

Column = sa.Column


def _one_of(column: str, values: type[State] | type[Requested]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


MAX_COUNT = 2**62
"""No counter of a job gets there; one that was set to more by hand must not break a claim."""

DIGEST = 32
"""Characters of a task_key."""

open_states = f"state IN ({', '.join(repr(str(s)) for s in State if s in OPEN)})"

jobs = sa.Table(
    "jobs",
    metadata,
    Column("token", Identifier, primary_key=True, comment="uuid v7 the client holds; time order"),
    Column("queue", Name, nullable=False, comment="the action's name, which names its queue"),
    Column("state", Name, nullable=False, comment="moves only as job_transitions allows"),
    Column("priority", sa.Integer, nullable=False, comment="larger runs sooner; 0 is ordinary"),
    Column("run_at", Timestamp, nullable=False, comment="not claimed before this moment"),
    Column("rank", sa.BigInteger, nullable=False, comment="claim order, smallest first: us"),
    Column("attempt", Counter, nullable=False, comment="claims so far; never goes down; the fence"),
    Column("failures", Counter, nullable=False, comment="attempts that count against MaxAttempts"),
    Column("losses", Counter, nullable=False, comment="attempts lost with their worker or host"),
    Column("worker_id", Identifier, comment="the worker of the newest attempt"),
    Column("tasks", sa.Text, comment="tasks of which at most one job runs at a time: A,B"),
    Column(
        "task_key", Digest, comment="digest of tasks: claims pass over all that wait for the same"
    ),
    Column("requested", sa.Text, comment="stop or pause, asked of a running job"),
    Column("requested_at", Timestamp, comment="when that was asked"),
    Column("requested_by", sa.Text, comment="who asked"),
    Column("requested_reason", sa.Text, comment="why"),
    Column("parameters", Document, nullable=False, comment="the action's parameters as sent"),
    Column("result", Document, comment="what the action returned, elements by name"),
    Column("error", sa.Text, comment="why it failed, in words for people"),
    Column("submitted_by", sa.Text, comment="address of the client"),
    Column("action_id", sa.Text, comment="ActionID the client sent, for its own logs"),
    Column("config_hash", sa.Text, comment="configuration it runs with; +: and its request's"),
    Column("changed_by", sa.Text, nullable=False, comment="who made the last move, by which verb"),
    Column("queued_at", Timestamp, nullable=False, comment="when it was stored; never changes"),
    Column("started_at", Timestamp, comment="start of the newest attempt"),
    Column("ended_at", Timestamp, comment="when it became final"),
    sa.CheckConstraint(_one_of("state", State), name="state_known"),
    sa.CheckConstraint(_one_of("requested", Requested), name="requested_known"),
    sa.CheckConstraint(sa.func.char_length(sa.column("error")) <= MAX_ERROR, name="error_length"),
    sa.CheckConstraint(
        "(ended_at IS NULL) = (state IN ('queued', 'running', 'paused'))", name="ended_when_final"
    ),
    comment="One row an action: the queue itself, and its history",
    postgresql_with={"fillfactor": "45"},
)

sa.Index(
    "jobs_open",
    jobs.c.state,
    jobs.c.queue,
    jobs.c.rank,
    jobs.c.token,
    postgresql_where=sa.text(open_states),
    sqlite_where=sa.text(open_states),
)


def is_open(state: State) -> ColumnElement[bool]:
    """Return the condition that a job is in one of the open states, as the indexes want it.

    In plain text, and with the terms of `jobs_open`: with a bound value no engine can know that the
    index holds all such rows, and SQLite draws no conclusion from one term to another.
    """
    states: list[ColumnElement[str]] = [
        sa.literal_column(f"'{each}'") for each in State if each in OPEN
    ]
    return sa.and_(jobs.c.state == sa.literal_column(f"'{state}'"), jobs.c.state.in_(states))


RUNNING_BY = "FORCE INDEX (jobs_open)"
"""Hint for MariaDB, which thinks that all states are equally many."""

_waits_for_tasks = f"state = '{State.QUEUED}' AND task_key IS NOT NULL"
_ended = "ended_at IS NOT NULL"

sa.Index(
    "jobs_tasks",
    jobs.c.state,
    jobs.c.queue,
    jobs.c.task_key,
    jobs.c.rank,
    jobs.c.token,
    postgresql_where=sa.text(_waits_for_tasks),
    sqlite_where=sa.text(_waits_for_tasks),
)

sa.Index(
    "jobs_ended",
    jobs.c.state,
    jobs.c.ended_at,
    jobs.c.token,
    postgresql_where=sa.text(_ended),
    sqlite_where=sa.text(_ended),
)

job_tasks = sa.Table(
    "job_tasks",
    metadata,
    Column("task", Name, primary_key=True, comment="the task"),
    Column("token", Identifier, nullable=False, comment="the job that has begun it"),
    sa.ForeignKeyConstraint(["token"], ["jobs.token"], ondelete="CASCADE"),
    sa.Index("job_tasks_token", "token"),
    comment="The job that has begun each task and has not ended: no other begins it meanwhile",
)

job_progress = sa.Table(
    "job_progress",
    metadata,
    Column("token", Identifier, primary_key=True, comment="the job"),
    Column("attempt", Counter, nullable=False, comment="the attempt that wrote last"),
    Column("progress", Document, comment="how far it is: numbers by name"),
    Column("checkpoint", Document, comment="where a later attempt goes on"),
    Column("updated_at", Timestamp, nullable=False, comment="when it was written"),
    sa.ForeignKeyConstraint(["token"], ["jobs.token"], ondelete="CASCADE"),
    comment="How far jobs are; narrow, so that frequent updates are cheap",
    postgresql_with={"fillfactor": "70"},
)

job_results = sa.Table(
    "job_results",
    metadata,
    Column("token", Identifier, primary_key=True, comment="the job"),
    Column(
        "number",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="place of the part; 0 says what the others are",
    ),
    Column("content", LongText, nullable=False, comment="JSON, or a piece of it"),
    sa.ForeignKeyConstraint(["token"], ["jobs.token"], ondelete="CASCADE"),
    comment="Results too large for their rows in jobs, in parts; gone when the job runs again",
)

job_events = sa.Table(
    "job_events",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True, comment="order of arrival"),
    Column("token", Identifier, nullable=False, comment="the job"),
    Column("at", Timestamp, nullable=False, comment="when it happened"),
    Column("event", Name, nullable=False, comment="the verb, 'fenced' or 'by hand'"),
    Column("source", Name, comment="state before"),
    Column("target", Name, comment="state after"),
    Column("attempt", Counter, comment="the attempt it concerns"),
    Column("actor", sa.Text, nullable=False, comment="who did it"),
    Column("reason", sa.Text, comment="why"),
    sa.ForeignKeyConstraint(["token"], ["jobs.token"], ondelete="CASCADE"),
    sa.Index("job_events_token", "token", "id"),
    comment="What happened off the ordinary path; the ordinary path is told by the row itself",
)

job_transitions = sa.Table(
    "job_transitions",
    metadata,
    Column("verb", Name, primary_key=True, comment="the move's name"),
    Column("source", Name, primary_key=True, comment="state before"),
    Column("target", Name, primary_key=True, comment="state after"),
    comment="Every legal move of a job; the guard on jobs consults it",
)

workers = sa.Table(
    "workers",
    metadata,
    Column("id", Identifier, primary_key=True, comment="made anew at each start"),
    Column("host", sa.Text, nullable=False, comment="name of the host"),
    Column("boot_id", sa.Text, nullable=False, comment="the host's boot, as the kernel names it"),
    Column("pid", Counter, nullable=False, comment="process id on that host"),
    Column("program", sa.Text, nullable=False, comment="version of the program"),
    Column("serves", Document, nullable=False, comment="queues with their limits, and tasks"),
    Column("beat", Counter, nullable=False, comment="goes up while it lives; never reused"),
    Column("beat_at", Timestamp, nullable=False, comment="for people; leases compare beat only"),
    Column("started_at", Timestamp, nullable=False, comment="when it registered"),
    Column("lease_seconds", sa.Float, comment="how long it may be silent before it counts as dead"),
    Column("environment", sa.Text, comment="deployment it works for; as in schema_info, or idle"),
    Column("build", sa.Text, comment="digest of the program's files"),
    Column("config_hash", sa.Text, comment="configuration it runs with"),
    comment="The workers that hold a lease; a running job without its worker's row is rescued",
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    Column("key", Name, primary_key=True, comment="what the client calls its request"),
    Column("token", Identifier, nullable=False, comment="the job that it became"),
    Column("digest", sa.Text, nullable=False, comment="SHA-256 of queue and parameters"),
    sa.Index("idempotency_keys_token", "token"),
    comment="Requests that clients may send again: the same key gives the same token",
)

queues = sa.Table(
    "queues",
    metadata,
    Column("queue", Name, primary_key=True, comment="the action's name"),
    Column("paused", sa.Boolean, nullable=False, comment="nothing of it is claimed while true"),
    Column("changed_at", Timestamp, nullable=False, comment="when it was paused or resumed"),
    Column("changed_by", sa.Text, nullable=False, comment="by whom"),
    Column("reason", sa.Text, comment="why"),
    Column("max_running", sa.Integer, comment="most that run in the whole cluster; null: no limit"),
    Column("ageing_step", sa.Float, comment="seconds of waiting that a point of priority is worth"),
    comment="What holds for a whole queue; its row is the lock where claims must take turns",
)

ended_counts = sa.Table(
    "ended_counts",
    metadata,
    Column("queue", Name, primary_key=True, comment="the action's name"),
    Column("jobs", Counter, nullable=False, comment="its jobs that ended until upto"),
    Column("upto", Timestamp, nullable=False, comment="the same for all; workers move it on"),
    comment="How many jobs have ended, but for the newest, which are counted when somebody asks",
)

ended_late = sa.Table(
    "ended_late",
    metadata,
    Column("token", Identifier, primary_key=True, comment="a job that has ended"),
    Column("queue", Name, nullable=False, comment="the action's name"),
    Column("ended_at", Timestamp, nullable=False, comment="when it ended, as its own row says"),
    comment="Jobs that ended_counts leaves out though their end is before upto: told afterwards",
)

stored_counts = sa.Table(
    "stored_counts",
    metadata,
    Column("queue", Name, primary_key=True, comment="the action's name"),
    Column(
        "jobs", Counter, nullable=False, comment="its jobs that are stored with a token to upto"
    ),
    Column("upto", Identifier, nullable=False, comment="the same for all; workers move it on"),
    comment="How many jobs are stored, but for the newest, which are counted when somebody asks",
)

stored_late = sa.Table(
    "stored_late",
    metadata,
    Column("token", Identifier, primary_key=True, comment="a job that is stored"),
    Column("queue", Name, nullable=False, comment="the action's name"),
    comment="Jobs that stored_counts leaves out though their token is before upto: stored later",
)

drained_hosts = sa.Table(
    "drained_hosts",
    metadata,
    Column("host", Name, primary_key=True, comment="name of the host"),
    Column("drained_at", Timestamp, nullable=False, comment="since when"),
    Column("drained_by", sa.Text, nullable=False, comment="by whom"),
    Column("reason", sa.Text, comment="why"),
    comment="Hosts whose workers claim nothing; remove the row and they claim again",
)
