"""`demo`: what scripts/run does. A server of its own, one fetch over HTTP, and what came of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from connector.cli.clients import follow
from connector.client import Client, ClientError, Status
from connector.sandbox.process import SandboxProcess

TASK = "DEMO"
END_SECONDS = 30.0


def run(*, once: bool) -> int:
    """Show the main job; return the exit status: 0 if the fetch finished."""
    # However it is told to end, it ends its server; also where a shell has it ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console()
    folder = Path("data").absolute()
    with contextlib.ExitStack() as ending:
        try:
            environment = {**os.environ, **ending.enter_context(_webex(console, folder))}
            _command(environment, "migrate")
            server, url = ending.enter_context(_server(environment))
            client = ending.enter_context(Client(url))
            console.print(f"sending  [bold]{url}action=Fetch&FetchAction=Synchronize[/bold]")
            token = client.submit("Fetch", {"FetchAction": "Synchronize"})
            console.print(f"token    {token}")
            ended = follow(client, "Fetch", token, console)
        except ClientError as refused:
            console.print(f"webex-connector: {refused}", style="red", markup=False)
            return 1
        except KeyboardInterrupt:
            return 130
        _tell(console, ended, folder / "documents" / TASK, url, token, once)
        if not once:
            console.print("\nserving until Ctrl-C …")
            with contextlib.suppress(KeyboardInterrupt):
                server.wait()
    return 0 if ended.finished else 1


@contextlib.contextmanager
def _webex(console: Console, folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the settings: Webex itself if a token is at hand, else a sandbox run for this."""
    settings = {
        "CONNECTOR_FETCHTASKS_0": TASK,
        "CONNECTOR_PATHS_DATADIRECTORY": str(folder),
        "CONNECTOR_LOGGING_LOGLEVEL": os.environ.get("CONNECTOR_LOGGING_LOGLEVEL", "Warning"),
    }
    if os.environ.get("WEBEX_ACCESS_TOKEN"):
        console.print("fetching from Webex itself, with the token of WEBEX_ACCESS_TOKEN")
        yield settings
        return
    console.print(
        "fetching from the sandbox, a stand-in for Webex with made-up content "
        "(set WEBEX_ACCESS_TOKEN to fetch from Webex itself)"
    )
    with SandboxProcess(rooms=8, messages=400) as sandbox:
        yield {
            **settings,
            "CONNECTOR_WEBEX_BASEURL": sandbox.base_url,
            "CONNECTOR_WEBEX_ACCESSTOKEN": sandbox.token,
        }


def _command(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "connector", *arguments], env=environment)
    if done.returncode:
        raise SystemExit(done.returncode)


@contextlib.contextmanager
def _server(environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `serve`, wait until it says where it serves, and end it in order."""
    server = subprocess.Popen(
        [sys.executable, "-m", "connector", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if "serving on " not in line:
            raise SystemExit(server.wait(END_SECONDS))
        yield server, line.rpartition(" ")[2].strip()
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _tell(console: Console, ended: Status, folder: Path, url: str, token: str, once: bool) -> None:
    console.print(f"\nstatus   [bold]{ended.word}[/bold] after {ended.seconds} s")
    if ended.error:
        console.print(f"error    {ended.error}", markup=False)
    for count in ended.element.iterfind("documentcounts/documentcount"):
        told = ", ".join(f"{name} {value}" for name, value in count.attrib.items())
        console.print(f"counts   {told}", markup=False)
    console.print(f"folder   {folder}", soft_wrap=True)
    if (document := _newest(folder)) is not None:
        console.print("one of its documents:")
        console.print_json(json.dumps(document))
    where = "scripts/run without --once goes on serving" if once else f"the server is at {url}"
    console.print(f"\n{where}; try:")
    for parameters in (
        "action=Fetch&FetchAction=Synchronize",
        f"action=QueueInfo&QueueName=Fetch&QueueAction=GetStatus&Token={token}",
        "action=QueueInfo&QueueName=Fetch&QueueAction=GetStatus",
    ):
        console.print(f"  curl '{url}{parameters}'", markup=False, soft_wrap=True)


def _newest(folder: Path) -> object | None:
    """Return one document of the newest page, if there is any."""
    pages = sorted(folder.rglob("page-*.jsonl"))
    if not pages:
        return None
    with pages[-1].open(encoding="utf-8") as lines:
        document: object = json.loads(lines.readline())
    return document
