"""What was found: each kind once, as a file that can be replayed."""

import hashlib
import re
from pathlib import Path

FOLDER = Path("fuzz-finds")

_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+|b?'[^']*'|b?\"[^\"]*\"")


class Finds:
    """The finds of one run, in a folder; `number`: how many kinds there are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[str] = set()

    @property
    def number(self) -> int:
        """How many kinds were found."""
        return len(self._known)

    def knows(self, sentence: str) -> bool:
        """Whether one of this kind was found before."""
        return kind(sentence) in self._known

    def note(self, wrong: list[str], data: bytes) -> list[Path]:
        """Keep a conversation for each kind of find that it is the first of; return the files."""
        made = []
        for sentence in wrong:
            if self.knows(sentence):
                continue
            self._known.add(kind(sentence))
            self._folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(kind(sentence).encode()).hexdigest()[:12]
            (self._folder / f"{name}.http").write_bytes(data)
            (self._folder / f"{name}.txt").write_text(sentence + "\n", encoding="utf-8")
            made.append(self._folder / f"{name}.http")
        return made


def kind(sentence: str) -> str:
    """Return what finds of one kind have in common: all but numbers, tokens and quotations."""
    return _CHANGING.sub("…", sentence)
