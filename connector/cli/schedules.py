"""`schedules`: when fetch tasks are run by themselves, and what an operator changes about it."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from connector.cli import verbs
from connector.cli.tables import TOKEN, table
from connector.cli.verbs import Config, Url
from connector.jobs import schedules as rows

Task = Annotated[str | None, typer.Argument(help="A fetch task, for --skip and --fire.")]


def schedules(
    task: Task = None,
    skip: Annotated[bool, typer.Option("--skip", help="Leave out its next due time.")] = False,
    fire: Annotated[
        bool, typer.Option("--fire", help="Have it run now, beside its due times.")
    ] = False,
    config: Config = None,
    database: Url = None,
) -> None:
    """List the schedules of fetch tasks, those due first at the top; or skip or fire one."""
    if (task is not None) != (skip or fire) or (skip and fire):
        raise typer.BadParameter("give a task and either --skip or --fire, or nothing for the list")
    with verbs.opened(config, database) as opened:
        if task is None:
            Console().print(_table(opened.read(rows.listed)))
        elif skip:
            due = verbs.run(opened, lambda tx: rows.skip(tx, task.upper(), verbs.me()))
            print(f"{task.upper()} is next due: {_shown(due) or 'never'}")
        else:
            verbs.run(opened, lambda tx: rows.ask(tx, task.upper(), verbs.me()))
            print(f"{task.upper()} runs as soon as a worker looks, within some seconds")


def _table(found: Any) -> Table:
    token = "last action"
    headers = ("task", "next due (UTC)", "start", "every", "runs", "last due (UTC)", token, "note")
    shown = table(*headers, whole={token: TOKEN})
    for row in found:
        shown.add_row(
            row.task,
            _shown(row.due_at) or "never",
            row.start if row.zone == "UTC" else f"{row.start} {row.zone}",
            f"{row.repeat_seconds} s" if row.repeat_seconds else "once",
            str(row.runs) if row.cycles < 0 else f"{row.runs} of {row.cycles}",
            _shown(row.last_due_at),
            row.last_token or "",
            _note(row),
        )
    return shown


def _note(row: Any) -> str:
    if row.gone_at is not None:
        return f"no worker knows it since {_shown(row.gone_at)}"
    return f"asked for by {row.asked_by}" if row.asked_by is not None else ""


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
