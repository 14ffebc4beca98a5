"""Actions that behave in every way a worker must cope with; an outside package, as users write."""

import collections
import contextlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import ClassVar

from connector.actions.action import Action, Context, Finished, Outcome, Parameter, Retry


def note(context: Context, word: str) -> None:
    """Count outside the database: one line a start or end, appended in one write."""
    path = context.parameters.get("Trace")
    if path:
        line = f"{word} {context.token} {context.attempt} {os.getpid()} {time.monotonic_ns()}\n"
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)


class Test:
    """Does what its parameter Do says."""

    name: ClassVar[str] = "Test"
    help: ClassVar[str] = "Behaves as asked, for tests."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("Do", "What to do.", default="nothing"),
        Parameter("Trace", "File that is told of each start and end."),
        Parameter("Seconds", "How long.", kind="integer", default=60),
        Parameter("Times", "How often.", kind="integer", default=1),
        Parameter("What", "What exactly.", default=""),
        Parameter("Password", "What nobody may see.", secret=True),
    )
    pausable: ClassVar[bool] = False

    def run(self, context: Context) -> Outcome:
        """Do it."""
        note(context, "start")
        outcome: Outcome = getattr(self, context.parameters["Do"])(context)
        note(context, "end")
        return outcome

    def nothing(self, context: Context) -> Outcome:
        return Finished({"did": "nothing"})

    def identifiers(self, context: Context) -> Outcome:
        found = [{"@name": f"n{n} é", "$": "x" * 1000} for n in range(context.parameters["Times"])]
        return Finished({"identifiers": {"@self": "A", "identifier": found}, "zone": "here"})

    def tell_length_of_secret(self, context: Context) -> Outcome:
        return Finished({"length": len(context.parameters["Password"])})

    def sleep(self, context: Context) -> Outcome:
        time.sleep(context.parameters["Seconds"])
        return Finished()

    def loop(self, context: Context) -> Outcome:
        end = time.monotonic() + context.parameters["Seconds"]
        while time.monotonic() < end:
            pass
        return Finished()

    def deaf(self, context: Context) -> Outcome:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return self.sleep(context)

    def hold_interpreter_lock(self, context: Context) -> Outcome:
        # Some ten seconds each in one call of C code, which no signal interrupts.
        collections.deque(itertools.repeat(None, context.parameters["Seconds"] << 30), maxlen=0)
        return Finished()

    def grandchild(self, context: Context) -> Outcome:
        child = subprocess.Popen(
            ["sleep", str(context.parameters["Seconds"])], start_new_session=True
        )
        note(context, f"grandchild={child.pid}")
        return self.sleep(context)

    def crash_once(self, context: Context) -> Outcome:
        if context.attempt <= context.parameters["Times"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return Finished({"attempt": context.attempt})

    def retry(self, context: Context) -> Outcome:
        if context.attempt <= context.parameters["Times"]:
            return Retry("not yet", after=0.0)
        return Finished({"attempt": context.attempt})

    def error(self, context: Context) -> Outcome:
        raise ValueError("as asked")

    def checkpoint(self, context: Context) -> Outcome:
        done = int((context.checkpoint or {}).get("done", 0))
        if not done:
            context.save({"done": 1})
            os.kill(os.getpid(), signal.SIGKILL)
        context.progress(done=done)
        return Finished({"done": done})

    def save_for_ever(self, context: Context) -> Outcome:
        number = 0
        while True:
            number += 1
            context.save({"number": number})

    def return_nothing(self, context: Context) -> Outcome:
        return None  # type: ignore[return-value]

    def return_nonsense(self, context: Context) -> Outcome:
        return Finished({"nul": "\0", "set": {1}})

    def blocked_socket(self, context: Context) -> Outcome:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.recv(1)
        return Finished()

    def spin_mute(self, context: Context) -> Outcome:
        os.closerange(3, 256)
        return self.loop(context)

    def save_when_asked(self, context: Context) -> Outcome:
        done = int((context.checkpoint or {}).get("done", 0))
        note(context, f"from={done}")
        try:
            return self.wait_for_file(context)
        except SystemExit:
            context.save({"done": done + 1})
            raise

    def end_when_asked(self, context: Context) -> Outcome:
        try:
            return self.sleep(context)
        except SystemExit:
            return Finished({"asked": "politely"})

    def leave_a_thread_that_saves(self, context: Context) -> Outcome:
        def save() -> None:
            with contextlib.suppress(RuntimeError):  # that the action has ended
                while True:
                    context.save({"of": context.token})

        threading.Thread(target=save, daemon=True).start()
        time.sleep(0.2)
        return Finished({"token": context.token})

    def leave_a_fork_that_returns(self, context: Context) -> Outcome:
        if os.fork() == 0:
            time.sleep(1.0)
            return Finished({"token": "of the fork"})
        return Finished({"token": context.token})

    def fork_that_fails(self, context: Context) -> Outcome:
        child = os.fork()
        if child == 0:
            raise ValueError("in the fork")
        os.waitpid(child, 0)
        return Finished({"token": context.token})

    def forks_that_tell(self, context: Context) -> Outcome:
        children = []
        for _ in range(3):
            if (child := os.fork()) == 0:
                context.progress(part="x" * 1_000_000)  # raises
            children.append(child)
        ends = [os.waitpid(child, 0)[1] for child in children]
        return Finished({"ends": ends})

    def die_or_tell_checkpoint(self, context: Context) -> Outcome:
        if context.attempt == 1:
            time.sleep(2.0)
            os.kill(os.getpid(), signal.SIGKILL)
        return Finished({"checkpoint": context.checkpoint})

    def garbage(self, context: Context) -> Outcome:
        said = {"no json": b"{", "no object": b"[]", "no type": b"{}", "unknown": b'{"type":"x"}'}
        body = said.get(str(context.parameters["What"]), b'{"type":"finished"}')
        sent = struct.pack("!I", 1 << 31 if context.parameters["What"] == "endless" else len(body))
        with socket.socket(fileno=os.dup(context._channel.fileno())) as wire:  # type: ignore[attr-defined]
            wire.sendall(sent + body)
        return self.sleep(context)

    def progress_then_silence(self, context: Context) -> Outcome:
        for step in range(1, 4):
            context.progress(step=step)
        return self.sleep(context)

    def progress_steadily(self, context: Context) -> Outcome:
        end = time.monotonic() + context.parameters["Seconds"]
        while time.monotonic() < end:
            context.progress(at=time.monotonic())
            time.sleep(0.05)
        return Finished()

    def save_once(self, context: Context) -> Outcome:
        context.save({"saved": 1})
        note(context, "saved")
        return self.wait_for_file(context)

    def wait_for_file(self, context: Context) -> Outcome:
        gate = Path(str(context.parameters["Trace"]) + ".go")
        end = time.monotonic() + context.parameters["Seconds"]
        while not gate.exists() and time.monotonic() < end:
            time.sleep(0.01)
        return Finished()


class Pausable(Test):
    """The same, for a queue whose actions can be paused."""

    name: ClassVar[str] = "Pausable"
    pausable: ClassVar[bool] = True


_: tuple[type[Action], ...] = (Test, Pausable)
