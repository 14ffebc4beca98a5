"""The command line: which commands there are. Each does its work in a module of its own."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import connector


class Commands(TyperGroup):
    """The commands of this file, and, once one of them is wanted, those of clients and operators.

    These import much that a server, which is to be back at work quickly, does without.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name."""
        if cmd_name not in self.commands:
            self._load()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        self._load()
        return super().list_commands(ctx)

    def _load(self) -> None:

        from connector.cli import clients, keys, operators, secrets

        others = typer.Typer()
        clients.add_to(others)
        operators.add_to(others)
        others.add_typer(keys.keys, name="key", rich_help_panel="For operators")
        others.add_typer(secrets.secrets, name="secrets", rich_help_panel="For operators")
        for name, command in typer.main.get_group(others).commands.items():
            self.commands.setdefault(name, command)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Fetch from Cisco Webex by actions that live in SQL and are never lost.

    Begin with `webex-connector migrate`, then `webex-connector serve`, then
    `webex-connector send Fetch FetchAction=Synchronize --wait`.
    Settings come from webex-connector.cfg, from CONNECTOR_SECTION_KEY in the environment, and from
    options, the later ones winning. `webex-connector check` tells whether they are right.""",
)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file.", show_default="webex-connector.cfg"),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--database", help="Database URL, over all URLs of [Database].", show_default=False
    ),
]
Port = Annotated[
    str | None,
    typer.Option("--port", "-p", help="Port to serve on; 0 takes a free one."),
]
SHOWN = "Exit status 2 means that it could not begin; the message says why."


@app.command(epilog=SHOWN)
def serve(
    ctx: typer.Context, config: Config = None, database: Url = None, port: Port = None
) -> None:
    """Run the server: HTTP and workers, until Ctrl-C or SIGTERM.

    Running actions are handed back as queued when it ends, and go on with the next start.
    """
    from connector.cli import serving, wiring

    flags = {"Database.URL": database, "Server.Port": port}
    settings = wiring.settings_of(config, flags, "supervisor")
    serving.run(settings, ctx.obj, http=True, config=config)


@app.command(epilog=SHOWN)
def work(ctx: typer.Context, config: Config = None, database: Url = None) -> None:
    """Run workers alone, on this host, on the same database as a server elsewhere."""
    from connector.cli import serving, wiring

    settings = wiring.settings_of(config, {"Database.URL": database}, "supervisor")
    serving.run(settings, ctx.obj, http=False)


@app.command(epilog=SHOWN)
def migrate(config: Config = None, database: Url = None) -> None:
    """Make the tables, or bring them up to date. The only command that changes the schema."""
    from connector.cli import migrating, wiring

    migrating.run(wiring.settings_of(config, {"Database.URL": database}))


@app.command(epilog="Pipe it to psql as a superuser, then set passwords with \\password.")
def roles(config: Config = None, database: Url = None) -> None:
    """Print SQL that makes a role for each kind of process, with least rights (PostgreSQL)."""
    from connector.cli import roles, wiring

    roles.run(wiring.settings_of(config, {"Database.URL": database}))


@app.command(epilog="Exit status 0: all is well. 1: something is wrong, and was said.")
def check(config: Config = None, database: Url = None) -> None:
    """Check the settings, reach the database and Webex, and say what is wrong in plain words."""
    from connector.cli import checking

    checking.run(config, {"Database.URL": database})


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port to serve on; 0 takes a free one.")] = 7029,
    rooms: Annotated[int, typer.Option(help="Number of rooms.")] = 8,
    messages: Annotated[int, typer.Option(help="Number of messages, 5 to 100,000.")] = 400,
    seed: Annotated[int, typer.Option(help="Same seed, same content.")] = 7,
) -> None:
    """Run a stand-in for the Webex API with made-up content, for trying things out.

    Point the server at it with CONNECTOR_WEBEX_BASEURL=http://127.0.0.1:7029/v1 and
    CONNECTOR_WEBEX_ACCESSTOKEN=sandbox-token.
    """
    from connector.cli import wiring
    from connector.sandbox.server import Options
    from connector.sandbox.server import serve as serve_sandbox

    def told(base_url: str) -> None:
        print(f"sandbox: a stand-in for Webex is at {base_url}", flush=True)
        print("for a server of ours, in another terminal:")
        print(f"  export CONNECTOR_WEBEX_BASEURL={base_url}")
        print("  export CONNECTOR_WEBEX_ACCESSTOKEN=sandbox-token CONNECTOR_FETCHTASKS_0=MyTask")
        print("  webex-connector migrate && webex-connector serve", flush=True)

    try:
        serve_sandbox(Options(port=port, rooms=rooms, messages=messages, seed=seed), told)
    except (OSError, OverflowError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        wiring.refuse(f"the sandbox cannot start: {why}; give another --port, or other numbers")


@app.command(hidden=True)
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the fetch.")] = False,
) -> None:
    """Show the whole thing: a server, one fetch over HTTP, its documents (scripts/run)."""
    from connector.cli import demo

    raise SystemExit(demo.run(once=once))


@app.command()
def version() -> None:
    """Print the version."""
    print(connector.__version__)
