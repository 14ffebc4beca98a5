"""Writes the pages that are made from the code: `python docs/generate.py`.

A test compares each page with a fresh rendering, so none can grow old unnoticed.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

import connector.datastore.tables
import connector.db.api_keys
import connector.db.schema
import connector.jobs.outbox_tables
import connector.jobs.schedule_table
import connector.jobs.tables
from connector.aci import catalogue
from connector.aci.errors import PRODUCT, Code
from connector.aci.status import WORDS
from connector.actions import registry
from connector.actions.action import Parameter
from connector.board.memory import Board
from connector.board.metrics import PREFIX, Metric
from connector.config import reference
from connector.db.metadata import metadata
from connector.jobs.states import FINAL, MEANING, TRANSITIONS, Requested, State
from connector.service import metrics as told

ENGINES = tuple(
    sa.make_url(url).get_dialect()()
    for url in ("postgresql+psycopg://", "sqlite://", "mariadb+pymysql://")
)

FOLDER = Path(__file__).parent
MADE = "Made from the code by `docs/generate.py`; do not edit.\n"

WHEN: MappingProxyType[Code, str] = MappingProxyType(
    {
        Code.NOT_IMPLEMENTED: "The server has no such action.",
        Code.BAD_REQUEST: "The request cannot be read: a broken escape, no UTF-8, a broken body.",
        Code.PARAM_MISSING: "A parameter that the action needs is absent or empty.",
        Code.PARAM_INVALID: "A parameter has a value that cannot be used.",
        Code.PARAM_UNKNOWN: "Kept for later. Unknown parameters are ignored today.",
        Code.TEMPLATE: "The [template](queueinfo.md#templates) cannot be read, or not be applied "
        "to the answer. What was asked for has been done in the second case.",
        Code.TOO_LARGE: "Body, request line or number of parameters is over its limit, "
        "or the body came too slowly.",
        Code.QUEUE_UNKNOWN: "`QueueName` names no queue of this server.",
        Code.KEY_REUSED: "This `Idempotency-Key` was sent before, with another request.",
        Code.QUEUE_FULL: "As many actions wait in the queue as may (`MaxQueueSize`).",
        Code.TASK_BUSY: "The task has an action already, and `OnOverlap` is `refuse`.",
        Code.TOKEN_UNKNOWN: "The queue has no action with this token.",
        Code.STATE: "The action is in a state in which this cannot be done.",
        Code.UNAVAILABLE: "The database is out of reach or busy. Nothing was changed.",
        Code.IN_DOUBT: "The answer of the database was lost. The text says how to find out.",
        Code.INTERNAL: "A fault of this program. The server's log tells more.",
        Code.ACTION_FAILED: "An action sent with `Sync=true` failed, or was stopped or cancelled.",
        Code.UNFINISHED: "An action sent with `Sync=true` goes on; ask for it by its token.",
        Code.NOT_PERMITTED: "The client has no role for this action or queue: [access](access.md).",
        Code.KEY_INVALID: "The API key is unknown, revoked or expired.",
        Code.FOREIGN: "`Host`, `Origin` or `Sec-Fetch-Site` are those of a foreign web page.",
        Code.TOO_MANY: "The client has too many requests under way "
        "(`[Server] MaxRequestsPerClient`).",
    }
)


def states() -> str:
    """Render the page about the life of a job."""
    return "\n".join(
        [
            "# States of an action",
            "",
            MADE,
            "An action is a row of the table `jobs`. Its column `state` moves only as shown here.",
            "The database itself refuses any other move, also in SQL typed by hand.",
            "",
            "```mermaid",
            *_diagram(),
            "```",
            "",
            "## States and their words",
            "",
            "The word is what `QueueInfo` answers as `status`.",
            "",
            "| State in the database | Word on the wire | Ended |",
            "|---|---|---|",
            *(f"| `{s}` | `{WORDS[s]}` | {'yes' if s in FINAL else 'no'} |" for s in State),
            "",
            "## Verbs and their moves",
            "",
            "| Verb | From | To | Meaning |",
            "|---|---|---|---|",
            *_moves(),
            "",
            "How to make them by SQL: [for the DBA](dba.md#changing-things-by-sql).",
            "",
            "## Requests",
            "",
            "A running action is asked, not moved: `jobs.requested` becomes "
            + " or ".join(f"`{word}`" for word in Requested)
            + ".",
            "Whichever way the run ends, a `stop` that was asked for makes it `stopped`.",
            "A `pause` that was asked for makes it `paused` where it would have been queued again.",
            "",
        ]
    )


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.QUEUED}: submit"
    verbs: dict[tuple[State, State], list[str]] = {}
    for verb, moves in TRANSITIONS.items():
        for move in moves:
            verbs.setdefault(move, []).append(verb)
    for (source, target), names in verbs.items():
        yield f"    {source} --> {target}: {', '.join(names)}"
    for state in State:
        if state in FINAL:
            yield f"    {state} --> [*]: delete"


def _moves() -> Iterator[str]:
    for verb, moves in TRANSITIONS.items():
        sources = ", ".join(f"`{source}`" for source, _ in moves)
        (target,) = {target for _, target in moves}
        yield f"| {verb} | {sources} | `{target}` | {MEANING[verb]} |"


def schema() -> str:
    """Render the page about the tables."""
    return "\n".join(
        [
            "# Schema",
            "",
            MADE,
            "These are the tables of schema version "
            f"{connector.db.schema.VERSION}. On PostgreSQL they are in the schema",
            "`webex_connector` (`[Database] Schema`), and each comment stands in the database too.",
            "Times are UTC and come from the database's clock. On SQLite they are text whose order",
            "is the order of time. Only `webex-connector migrate` makes or changes tables.",
            "",
            "```mermaid",
            *_drawing(),
            "```",
            "",
            *(line for table in metadata.sorted_tables for line in _table(table)),
            "## alembic_version",
            "",
            "Alembic's own: the name of the last migration that was run.",
            "",
            "## The guard",
            "",
            "Triggers on `jobs` refuse a move that is not in `job_transitions`, a row that does",
            "not begin as `queued`, a smaller `attempt`, another `token` or `queued_at`, and the",
            "deletion of a row that has not ended. An UPDATE that leaves `changed_by` as it is was",
            "made by hand: it becomes a row of `job_events` with the event `by hand`.",
            "",
        ]
    )


def _drawing() -> Iterator[str]:
    yield "erDiagram"
    for table in metadata.sorted_tables:
        yield f"    {table.name} {{"
        for column in table.primary_key:
            yield f"        {column.type.compile(ENGINES[0]).split()[0].lower()} {column.name} PK"
        yield "    }"
        for key in table.foreign_key_constraints:
            many = "o|" if set(key.columns) == set(table.primary_key) else "o{"
            yield f"    {key.referred_table.name} ||--{many} {table.name} : {key.column_keys[0]}"


def _table(table: sa.Table) -> Iterator[str]:
    yield from (f"## {table.name}", "", f"{table.comment}.", "")
    yield "| Column | PostgreSQL | SQLite | MariaDB | Null | Meaning |"
    yield "|---|---|---|---|---|---|"
    for column in table.columns:
        types = [column.type.compile(engine).lower() for engine in ENGINES]
        name = f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"
        null = "yes" if column.nullable else ""
        yield f"| {name} | {' | '.join(types)} | {null} | {column.comment} |"
    yield ""
    rules = sorted([*_indexes(table), *_constraints(table)])
    if rules:
        yield from (*rules, "")


def _indexes(table: sa.Table) -> Iterator[str]:
    for index in table.indexes:
        columns = ", ".join(column.name for column in index.columns)
        where = index.dialect_options["postgresql"]["where"]
        part = f" where `{where}`" if where is not None else ""
        yield f"- Index `{index.name}`: {columns}{part}"


def _constraints(table: sa.Table) -> Iterator[str]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.CheckConstraint):
            yield f"- Check `{constraint.name}`: `{constraint.sqltext}`"
        elif isinstance(constraint, sa.ForeignKeyConstraint):
            columns = ", ".join(constraint.column_keys)
            target = ", ".join(element.target_fullname for element in constraint.elements)
            yield f"- Foreign key: {columns} refers to `{target}`, on delete {constraint.ondelete}"


def errors() -> str:
    """Render the page about the errors that clients are sent."""
    rows = (
        f"| {code.number} | `0x{code.number:X}` | `{code.word}` | {code.summary} | {WHEN[code]} "
        f"| {'yes' if code.retryable else 'no'} |"
        for code in sorted(Code, key=lambda code: code.number)
    )
    return "\n".join(
        [
            "# Errors",
            "",
            MADE,
            "A request that fails is answered with HTTP status 200, `<response>ERROR</response>`",
            "and these fields, in this order:",
            "",
            "| Field | Holds |",
            "|---|---|",
            f"| `errorid` | `{PRODUCT}`, the action in upper case, the number: "
            f"`{PRODUCT}QUEUEINFO{Code.TOKEN_UNKNOWN.number}` |",
            "| `rawerrorid` | the number in hexadecimal |",
            "| `errorstring` | the kind of error in a few words |",
            "| `errordescription` | one sentence: what was wrong and what would be right |",
            "| `errorcode` | the kind of error as one word, for programs |",
            "| `errortime` | the server's local time, as in `20 Nov 15 16:49:50` |",
            "",
            "An error about an action that was stored all the same has its `token` beside `error`.",
            "A number keeps its meaning for ever.",
            "",
            "| Number | `rawerrorid` | `errorcode` | `errorstring` | When | Worth repeating |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "An HTTP status tells only of what is no action: a request line over 64 KiB, a head",
            "over its limit or no HTTP at all (400), `/api` and `/metrics`, kept for later (404),",
            "what is no action and [not permitted](access.md) (403), `/readyz` while no action can",
            "be stored (503), and errors of [`/events`](queueinfo.md#listening). The service port",
            "has more of them:",
            "[Watch it](operations.md#watch-it).",
            "",
        ]
    )


def metrics() -> str:
    """Render the page about `/metrics`."""
    families = [*told.of_cluster([]), *told.of_host(Board.create(["supervisor"]))]
    labels = {PREFIX + metric.value.name: metric.value.labels for metric in Metric}
    rows = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        of = labels.get(name, getattr(family, "_labelnames", ()))
        shown = ", ".join(f"`{label}`" for label in of)
        rows.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    return "\n".join(
        [
            "# Metrics",
            "",
            MADE,
            "`/metrics` of the [service port](operations.md#watch-it) tells these, in the text",
            "format of Prometheus. What processes count begins at 0 when the server is started,",
            "and goes on when one of its processes dies.",
            "",
            "| Name | Type | Labels | Meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def parameters() -> str:
    """Render the page about every action and what it takes."""
    built_in = {name: registry.declared(name) for name in registry.BUILT_IN}
    entries = list(catalogue.entries(built_in))
    return "\n".join(
        [
            "# Actions and their parameters",
            "",
            MADE,
            "A server tells the same of itself, and of actions that were added to it:",
            "`/action=Help`. What they are for, with examples: [actions](actions.md),",
            "[QueueInfo](queueinfo.md) and [standard actions](standard.md). Every action takes:",
            "",
            *_parameters(catalogue.common()),
            *(line for entry in entries for line in _entry(entry)),
        ]
    )


def _entry(entry: catalogue.Entry) -> Iterator[str]:
    also = "".join(f", also called `{alias}`" for alias in entry.aliases)
    how = "It is stored, and answers a token." if entry.asynchronous else "It is answered at once."
    yield from (f"## {entry.name}", "", f"{entry.help} {how} Role: `{entry.role}`{also}.", "")
    if entry.parameters:
        yield from _parameters(entry.parameters)


def _parameters(taken: Iterable[Parameter]) -> Iterator[str]:
    yield "| Parameter | Value | If left out | Meaning |"
    yield "|---|---|---|---|"
    for each in taken:
        cells = (catalogue.kind(each), catalogue.default(each), catalogue.meaning(each))
        yield f"| `{each.name}` | {' | '.join(cells)} |"
    yield ""


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors,
    "metrics.md": metrics,
    "parameters.md": parameters,
    "schema.md": schema,
    "settings.md": reference.render,
    "states.md": states,
    "webex-connector.example.cfg": reference.example,
}
"""File in this folder to what renders it."""


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
