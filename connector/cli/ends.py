"""`cancel` and `stop`: on the database itself, or over HTTP where only that is in reach."""

from typing import Annotated

import typer

from connector.cli import verbs
from connector.cli.clients import asking
from connector.cli.verbs import Config, Reason, Token, Url
from connector.jobs import requests

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        "-s",
        envvar="WEBEX_CONNECTOR_URL",
        help="Ask this server over HTTP instead.",
    ),
]
Queue = Annotated[
    str, typer.Option("--queue", "-q", help="With --server: the queue, which is the action's name.")
]


def cancel(
    token: Token,
    reason: Reason = None,
    server: Server = None,
    queue: Queue = "Fetch",
    config: Config = None,
    database: Url = None,
) -> None:
    """Take a waiting action out of its queue: it never starts."""
    if server is not None:
        with asking(server) as client:
            print(client.cancel(queue, token) or "accepted")
        return
    with verbs.opened(config, database) as opened:
        who, box = verbs.me(), verbs.outbox(config, database)
        verbs.told(opened, token, lambda tx: requests.cancel(tx, token, who, reason, box))


def stop(
    token: Token,
    reason: Reason = None,
    server: Server = None,
    queue: Queue = "Fetch",
    config: Config = None,
    database: Url = None,
) -> None:
    """End an action at any point: a running one is stopped, a waiting one cancelled.

    Its worker ends it, by force after GraceSeconds.
    """
    if server is not None:
        with asking(server) as client:
            print(client.stop(queue, token) or "accepted")
        return
    with verbs.opened(config, database) as opened:
        who, box = verbs.me(), verbs.outbox(config, database)
        verbs.told(opened, token, lambda tx: requests.stop(tx, token, who, reason, box))


COMMANDS = (cancel, stop)
