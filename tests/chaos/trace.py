"""What runs have noted in their file, read as it grows."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """One line: what a run did, in the order of the file."""

    word: str
    token: str
    attempt: int
    worker: str
    pid: int
    at: float
    """Monotonic seconds of this host."""
    detail: str


class Trace:
    """The file to which every run appends, from whatever process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[Note] = []
        self.by_token: defaultdict[str, list[Note]] = defaultdict(list)
        self._offset = 0

    def read(self) -> None:
        """Take what has been appended since the last time."""
        if not self.path.exists():
            return
        if self.path.stat().st_size == self._offset:
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode().splitlines():
            word, token, attempt, worker, pid, at, detail = line.split(" ", 6)
            note = Note(word, token, int(attempt), worker, int(pid), float(at), detail)
            self.notes.append(note)
            self.by_token[token].append(note)

    def under_way(self) -> list[Note]:
        """Return the starts of runs that have not said that they ended."""
        self.read()
        found = []
        for notes in self.by_token.values():
            start = next((n for n in reversed(notes) if n.word == "start"), None)
            over = ("end", "left")
            if start and not any(n.word in over and n.attempt == start.attempt for n in notes[-3:]):
                found.append(start)
        return found

    def finished(self, token: str) -> bool:
        """Say whether a run of the action has come to its end."""
        self.read()
        return any(n.word == "end" and n.detail == "Finished" for n in self.by_token[token])
