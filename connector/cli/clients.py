"""Commands that talk to a running server: send, status, cancel, stop."""

import contextlib
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connector.cli.remote import Refused, Remote

FINAL = {"Finished", "Error", "Cancelled", "Stopped"}
POLL = 0.2

Server = Annotated[
    str, typer.Option("--server", "-s", envvar="WEBEX_CONNECTOR_URL", help="The server's address.")
]
Queue = Annotated[str, typer.Option("--queue", "-q", help="The queue: the action's name.")]
Token = Annotated[str, typer.Argument(help="The token that send printed.")]
LOCAL = "http://127.0.0.1:7023/"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (send, status, cancel, stop):
        app.command(epilog="Exit status 1: the server refused, or the action did not finish.")(
            command
        )


def send(
    action: Annotated[str, typer.Argument(help="The action, such as Fetch.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="Its parameters, as Name=value.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended.")] = False,
    server: Server = LOCAL,
) -> None:
    """Send any action, such as: send Fetch FetchAction=Synchronize --wait."""
    pairs = {}
    for parameter in parameters or []:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise typer.BadParameter(f"{parameter!r} is not of the form Name=value")
        pairs[name] = value
    with _remote(server) as remote:
        data = remote.ask(action, pairs)
        token = data.findtext("token")
        if token is None:
            print(_text(data))
        elif not wait:
            print(token)
        else:
            print(f"token {token}")
            ended = follow(remote, action, token, Console(stderr=True))
            print(_text(ended))
            if ended.findtext("status") != "Finished":
                raise typer.Exit(1)


def status(
    token: Annotated[str | None, typer.Argument(help="A token; without one, the queue.")] = None,
    queue: Queue = "Fetch",
    server: Server = LOCAL,
) -> None:
    """Show how an action is doing, or all of a queue, newest first."""
    with _remote(server) as remote:
        if token:
            print(_text(remote.status(queue, token)))
            return
        data = remote.ask("QueueInfo", {"QueueAction": "GetStatus", "QueueName": queue})
        table = Table("token", "status", "queued", "seconds", "error")
        for action in data.iterfind("actions/action"):
            names = ("token", "status", "queued_time", "time_processing", "error")
            table.add_row(*(action.findtext(name, "") for name in names))
        Console().print(table)


def cancel(token: Token, queue: Queue = "Fetch", server: Server = LOCAL) -> None:
    """Take a waiting action out of its queue: it never starts."""
    _change("Cancel", token, queue, server)


def stop(token: Token, queue: Queue = "Fetch", server: Server = LOCAL) -> None:
    """End an action at any point: a running one is stopped, a waiting one cancelled."""
    _change("Stop", token, queue, server)


def follow(remote: Remote, queue: str, token: str, console: Console) -> ET.Element:
    """Show a progress bar until the action has ended, and return its last state."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("Queued", total=None, told="")
        while True:
            action = remote.status(queue, token)
            word = action.findtext("status", "")
            facts = {child.tag: child.text or "" for child in action.findall("progress/*")}
            done, total = facts.get("rooms_done"), facts.get("rooms_total")
            told = [f"{facts[name]} {name}" for name in ("messages", "files") if name in facts]
            if done and total:
                told.insert(0, f"{done}/{total} rooms")
            bar.update(
                shown,
                description=word,
                completed=float(done or 0),
                total=float(total) if total else None,
                told=" · ".join(told),
            )
            if word in FINAL:
                bar.update(shown, total=1.0, completed=1.0)
                return action
            time.sleep(POLL)


def _change(verb: str, token: str, queue: str, server: str) -> None:
    with _remote(server) as remote:
        asked = {"QueueAction": verb, "QueueName": queue, "Token": token}
        data = remote.ask("QueueInfo", asked)
        print(data.findtext("actions/action/status", "accepted"))


@contextlib.contextmanager
def _remote(server: str) -> Iterator[Remote]:
    """Open a remote whose refusals end the command with a sentence."""
    try:
        with Remote(server) as remote:
            yield remote
    except Refused as error:
        print(f"webex-connector: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _text(element: ET.Element) -> str:
    ET.indent(element)
    return ET.tostring(element, encoding="unicode").strip()
