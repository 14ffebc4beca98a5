"""Commands of operators, which work on the database itself: no server needs to answer."""

import time
from typing import Annotated

import typer
from rich.console import Console

from connector.cli import ends, verbs, wiring
from connector.cli.schedules import schedules
from connector.cli.tables import TOKEN, table
from connector.cli.verbs import Config, Reason, Token, Url
from connector.db.engine import Database
from connector.jobs import operate, reading, requests, workers
from connector.jobs.why import why as explain

EPILOG = "Exit status 1: it was refused, and the message says why. 2: the database is out of reach."


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in COMMANDS:
        app.command(epilog=EPILOG, rich_help_panel="For operators")(command)


def pause(
    token: Annotated[str | None, typer.Argument(help="A token; or else --queue.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", help="A whole queue.")] = None,
    reason: Reason = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Have an action, or a whole queue, wait until it is resumed, whatever restarts meanwhile.

    A running action that can be paused saves where it is and frees its slot. What runs of a paused
    queue goes on to its end.
    """
    with verbs.opened(config, database) as opened:
        if _queue_alone(token, queue):
            verbs.run(opened, lambda tx: operate.pause_queue(tx, queue or "", verbs.me(), reason))
            print(f"queue {queue} is paused; resume it with: webex-connector resume -q {queue}")
        else:
            verbs.told(
                opened, token, lambda tx: requests.pause(tx, token or "", verbs.me(), reason)
            )


def resume(
    token: Annotated[str | None, typer.Argument(help="A token; or else --queue.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", help="A whole queue.")] = None,
    reason: Reason = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Have a paused action, or queue, go on; an action goes on from its checkpoint."""
    with verbs.opened(config, database) as opened:
        if _queue_alone(token, queue):
            verbs.run(opened, lambda tx: operate.resume_queue(tx, queue or "", verbs.me(), reason))
            opened.notify({queue or ""})
            print(f"queue {queue} goes on")
        else:
            verbs.told(
                opened, token, lambda tx: requests.resume(tx, token or "", verbs.me(), reason)
            )


def retry(token: Token, reason: Reason = None, config: Config = None, database: Url = None) -> None:
    """Have a failed, stopped or cancelled action run again: same token, from its checkpoint."""
    with verbs.opened(config, database) as opened:
        verbs.told(opened, token, lambda tx: requests.reopen(tx, token, verbs.me(), reason))


def prioritise(
    token: Token,
    priority: Annotated[int, typer.Argument(help="Larger runs sooner; 0 is ordinary.")],
    reason: Reason = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Give an action another priority; how long it has waited still counts."""
    with verbs.opened(config, database) as opened:
        verb = requests.reprioritise
        verbs.told(opened, token, lambda tx: verb(tx, token, priority, verbs.me(), reason))


def limit(
    queue: Annotated[str, typer.Argument(help="The queue: the action's name.")],
    most: Annotated[str, typer.Argument(help="A number, or 'none' for no limit.")],
    reason: Reason = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Let at most so many actions of a queue run at once in the whole cluster."""
    if most.casefold() != "none" and (not most.isdecimal() or int(most) < 1):
        raise typer.BadParameter(f"{most!r} is no limit: give 1 or more, or 'none'")
    number = None if most.casefold() == "none" else int(most)
    with verbs.opened(config, database) as opened:
        verbs.run(opened, lambda tx: operate.limit_queue(tx, queue, number, verbs.me(), reason))
        print(f"queue {queue}: {'no limit' if number is None else f'at most {number} at once'}")


def drain(
    host: Annotated[str, typer.Argument(help="Name of the host, as `hostname` there prints it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Have it claim again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until nothing runs.")] = False,
    reason: Reason = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Have a host's workers claim nothing more, also after a restart there; what runs goes on."""
    with verbs.opened(config, database) as opened:
        known = {row.host for row in opened.read(workers.listed)}
        if undo:
            there = verbs.run(opened, lambda tx: operate.undrain(tx, host))
            opened.notify({""})
            print(f"{host} claims again" if there else f"{host} was not drained")
            return
        verbs.run(opened, lambda tx: operate.drain(tx, host, verbs.me(), reason))
        if host not in known:
            print(f"note: no worker of {host} is registered; there is {', '.join(sorted(known))}")
        print(f"{host} claims nothing more; undo it with: webex-connector drain {host} --undo")
        while wait and (running := opened.read(workers.running_on, host)):
            Console(stderr=True).print(f"{running} still running …", end="\r")
            time.sleep(0.5)
        if wait:
            print("nothing runs there")


def restored(config: Config = None, database: Url = None) -> None:
    """Make a restored or copied database safe: all queues paused, and what would run is listed."""
    with verbs.opened(config, database) as opened:
        settings = wiring.settings_of(config, {"Database.URL": database})
        alive = _still_beating(opened)
        if alive:
            wiring.refuse(
                f"worker {alive} beats on this database, so it is in use and no restored copy; "
                "end its servers first"
            )
        by = verbs.me()
        listed = verbs.run(opened, lambda tx: operate.restored(tx, settings.server.environment, by))
        workers.rescue(opened, by, outbox=verbs.outbox(config, database))
        headers = ("token", "queue", "state", "attempt", "queued")
        shown = table(*headers, whole={"token": TOKEN})
        for row in listed[:200]:
            shown.add_row(row.token, row.queue, row.state, str(row.attempt), str(row.queued_at))
        Console().print(shown)
        print(f"{len(listed)} actions would run again. Every queue is paused; look at them, cancel")
        print("what must not run twice, then: webex-connector resume --queue NAME")


def drill(
    what: Annotated[str, typer.Argument(help="What to rehearse: lease-loss.")],
    worker: Annotated[
        str | None, typer.Option("--worker", help="Id of the worker; the busiest if left out.")
    ] = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Rehearse a fault on a live system: take a worker's lease away, and watch what follows."""
    from connector.cli.drill import lease_loss

    if what != "lease-loss":
        raise typer.BadParameter(f"{what!r} is no drill; there is lease-loss")
    with verbs.opened(config, database) as opened:
        lease_loss(opened, worker, verbs.me(), verbs.outbox(config, database))


def doctor(config: Config = None, database: Url = None) -> None:
    """Look for what is wrong with the database, or soon will be, and say what mends it.

    Exit status 1 if anything was found. Logs in as the owner ([Database] OwnerURL), since it makes
    a schema beside the one in use, to compare with, and removes it again.
    """
    from connector.cli import doctor as examination

    settings = wiring.settings_of(config, {"Database.URL": database})
    with wiring.checked_database(settings, "doctor", direct=True) as opened:
        if not examination.run(opened, settings):
            raise SystemExit(1)


def why(token: Token, config: Config = None, database: Url = None) -> None:
    """Say in a sentence what an action waits for or does, and print the command that changes it."""
    with verbs.opened(config, database) as opened:
        found = verbs.run(opened, lambda tx: explain(tx, token))
        print(f"{token} is {found.state}: {found.explanation}")
        print(f"-> {found.remedy}")


def log(token: Token, config: Config = None, database: Url = None) -> None:
    """Print all that is known of an action, from its arrival to its end."""
    with verbs.opened(config, database) as opened:
        job = opened.read(reading.get, [token]).get(token)
        if job is None:
            wiring.complain(f"no action has the token {token}; it may have been removed by now")
        shown = table("when (UTC)", "what", "from", "to", "attempt", "by", "why", whole={})
        for event in opened.read(reading.trail, token):
            cells = (event.source, event.target, event.attempt, event.actor, event.reason)
            told = ("" if cell is None else str(cell) for cell in cells)
            shown.add_row(f"{event.at:%Y-%m-%d %H:%M:%S}", event.event, *told)
        facts = (
            f"{token} in {job.queue} is {job.state}",
            f"queued {job.queued_at:%Y-%m-%d %H:%M:%S}, attempt {job.attempt}, "
            f"{job.failures} failures, {job.losses} losses, priority {job.priority}",
            f"started {job.started_at:%Y-%m-%d %H:%M:%S}" if job.started_at else "never started",
            f"ended {job.ended_at:%Y-%m-%d %H:%M:%S}" if job.ended_at else "not ended",
        )
        for fact in (*facts, f"error: {job.error}" if job.error else ""):
            if fact:
                print(fact)
        Console().print(shown)


def _still_beating(database: Database) -> str | None:
    """Return a worker that shows a sign of life within the longest lease, or None."""
    first = database.read(workers.beats)
    if not first:
        return None
    end = time.monotonic() + max(beat.lease or 15.0 for beat in first.values())
    console = Console(stderr=True)
    while (left := end - time.monotonic()) > 0:
        console.print(f"is any worker alive? looking for {left:.0f} s …", end="\r")
        time.sleep(0.25)
        now = database.read(workers.beats)
        for worker, beat in now.items():
            if first.get(worker) != beat:
                return worker
    return None


def _queue_alone(token: str | None, queue: str | None) -> bool:
    if (token is None) == (queue is None):
        raise typer.BadParameter("give either a token or --queue")
    return queue is not None


COMMANDS = (
    *ends.COMMANDS,
    *(pause, resume, retry, prioritise, limit, drain),
    *(schedules, why, log, doctor, drill, restored),
)
