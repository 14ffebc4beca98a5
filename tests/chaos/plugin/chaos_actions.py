"""The action that runs under faults; it counts outside the database what it does."""

import os
import signal
import time
from typing import ClassVar

from connector.actions.action import Action, Context, Finished, Outcome, Parameter, Retry

TICK = 0.05
"""Seconds between two signs of life of a run."""


class Chaos:
    """Does what its parameter Do says, and tells each step of it to a file."""

    name: ClassVar[str] = "Chaos"
    help: ClassVar[str] = "Short, long, checkpointing and retrying work, for tests of faults."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Do", "What to do.", default="nothing"),
        Parameter("Trace", "File that is told of each step.", required=True),
        Parameter("Steps", "How many steps a long one has.", kind="integer", default=6),
    )
    pausable: ClassVar[bool] = False

    def run(self, context: Context) -> Outcome:
        """Do it."""
        _note(context, "start")
        try:
            outcome: Outcome = getattr(self, context.parameters["Do"])(context)
        except BaseException as error:
            _note(context, "left", type(error).__name__)
            raise
        _note(context, "end", type(outcome).__name__)
        return outcome

    def nothing(self, context: Context) -> Outcome:
        return Finished()

    def long(self, context: Context) -> Outcome:
        """Take some time, and show that it is alive."""
        for _ in range(context.parameters["Steps"]):
            time.sleep(TICK)
            _note(context, "tick")
        return Finished()

    def steps(self, context: Context) -> Outcome:
        """Save a checkpoint after each step."""
        done = int((context.checkpoint or {}).get("done", 0))
        _note(context, "from", done)
        for number in range(done + 1, context.parameters["Steps"] + 1):
            time.sleep(TICK)
            _note(context, "tick")
            context.save({"done": number})
            _note(context, "saved", number)
        return Finished({"done": context.parameters["Steps"]})

    def retry(self, context: Context) -> Outcome:
        """Fail once in passing."""
        if context.checkpoint is None:
            context.save({"tried": True})
            return Retry("once more", after=0.1)
        return Finished()

    def crash(self, context: Context) -> Outcome:
        """Kill its own slot once."""
        if context.checkpoint is None:
            context.save({"tried": True})
            os.kill(os.getpid(), signal.SIGKILL)
        return Finished()

    def error(self, context: Context) -> Outcome:
        """Fail for good, as the client must be told."""
        raise ValueError("as asked")


def _note(context: Context, word: str, detail: object = "-") -> None:
    """Append one line in one write, so that the lines of many processes stand in their order."""
    run = f"{context.token} {context.attempt} {context.worker_id} {os.getpid()}"
    line = f"{word} {run} {time.monotonic()} {detail}\n"
    file = os.open(
        context.parameters["Trace"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    )
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


_: type[Action] = Chaos
