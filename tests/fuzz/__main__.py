"""Fuzzes the HTTP face: `python -m tests.fuzz`, or `scripts/fuzz`."""

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.finds import FOLDER, Finds
from tests.fuzz.trial import trial

TOLD_EACH = 10.0
"""Seconds between two lines about how far it is."""

HALVES = ("guided", "grammar")

_STATISTICS = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_ABOUT = """
Sends requests that nobody would send to a server of its own on this machine, for as long as you
say, and looks whether all that must hold still does: answers are well-formed and in order, errors
are documented ones, what is answered is stored and what is refused is not, no secret is shown, no
file touched, nothing is slow, and the next request is answered.

  guided    changes raw bytes so that they reach code which none has reached before (Atheris)
  grammar   makes requests of every action and parameter, over real sockets (hypothesis)

Each find is a file NAME.http, which holds what the client sent, and NAME.txt, which says what was
wrong. `scripts/fuzz --replay NAME.http` shows it again. When it is mended, give it a test, and put
the file into tests/fuzz/corpus, where the suite replays it each time.

examples:
  scripts/fuzz                              both halves, 10 minutes in all
  scripts/fuzz --minutes 60 --only guided   an hour of one
  scripts/fuzz --replay fuzz-finds/*.http   what was found, once more
"""


class Progress:
    """Prints how far it is, now and then."""

    def __init__(self, half: str) -> None:
        self._half = half
        self._began = self._told = time.monotonic()
        self.coverage = ""

    def tell(self, requests: int, finds: int) -> None:
        """Say how it stands, if that was not said just now."""
        now = time.monotonic()
        if now - self._told >= TOLD_EACH:
            self._told = now
            self.last(requests, finds)

    def last(self, requests: int, finds: int) -> None:
        """Say how it stands."""
        seconds = time.monotonic() - self._began
        more = f", {self.coverage}" if self.coverage else ""
        told = f"{self._half} {seconds:5.0f} s: {requests:,} requests{more}, {finds} finds"
        print(told, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; 1 if anything was found, 2 if it cannot be done."""
    given = _parsed(arguments)
    if given.replay:
        return replay(given.replay)
    halves = [given.only] if given.only else HALVES
    seed = given.seed if given.seed is not None else random.randrange(1, 10**6)
    print(f"seed {seed}", flush=True)
    seconds = given.minutes * 60 / len(halves)
    found = 0
    for half in halves:
        search = guided if half == "guided" else grammar
        found += search(given.finds, seconds, seed)
    print(f"{found} finds" + (f" in {given.finds}" if found else ""))
    return 1 if found else 0


def replay(files: Sequence[Path]) -> int:
    """Hold the conversations of files once more, and say what is wrong."""
    status = 0
    with trial() as made:
        for file in files:
            wrong = made.judge(file.read_bytes())
            print(f"{file}: {'; '.join(wrong) or 'nothing wrong'}", flush=True)
            status |= bool(wrong)
    return status


def grammar(folder: Path, seconds: float, seed: int) -> int:
    """Search by the grammar; return the number of finds."""
    from tests.fuzz.grammar import search

    finds, progress = Finds(folder), Progress("grammar")
    progress.last(search(finds, seconds, seed, progress.tell), finds.number)
    return finds.number


def guided(folder: Path, seconds: float, seed: int) -> int:
    """Search by coverage, in processes that it may well end; return the number of finds."""
    end, found, requests = time.monotonic() + seconds, 0, 0
    progress = Progress("guided")
    while (left := int(end - time.monotonic())) > 0:
        seed += 1
        command = [sys.executable, "-m", "tests.fuzz.guided", str(folder), str(left), str(seed)]
        before = requests
        with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines = [*lines[-30:], line]
                word, _, rest = line.partition(" ")
                if word == "FIND":
                    found += 1
                    print(line.strip(), flush=True)
                elif word == "REQUESTS":
                    requests = before + int(rest)
                elif told := _STATISTICS.search(line):
                    progress.coverage = "{} branches, {} features, {} kept".format(*told.groups())
                progress.tell(requests, found)
        if process.returncode:
            # It was ended by what it did: libFuzzer has written the conversation into the folder.
            found += 1
            print("".join(lines), file=sys.stderr, flush=True)
            if found > 20 or requests == before:
                break
    progress.last(requests, found)
    return found


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="in all; default: 10")
    parser.add_argument("--only", choices=HALVES, help="one half alone, for all of the time")
    parser.add_argument(
        "--finds", type=Path, default=FOLDER, metavar="FOLDER", help=f"default: {FOLDER}"
    )
    parser.add_argument(
        "--replay", type=Path, nargs="+", metavar="FILE", help="hold these conversations again"
    )
    parser.add_argument("--seed", type=int, help="makes a run like an earlier one")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
