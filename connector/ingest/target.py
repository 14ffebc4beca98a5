"""What an ingest target is: where the documents of one task go."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from connector.ingest.document import Document, Run


class TargetUnusable(Exception):
    """The target cannot take documents; the text says why and what to do."""


class Sink(Protocol):
    """Takes the content of one file."""

    @property
    def place(self) -> str | None:
        """Where the file will be, relative to the target, or None if it is not kept."""

    def write(self, data: bytes) -> object:
        """Take the next bytes. Raises TargetUnusable."""


class Target(Protocol):
    """Where documents go. Every method raises TargetUnusable when it cannot do its work.

    Pages are numbered by the run, and writing one again replaces it, so a run that was killed
    repeats its last page without harm. What `write_page` and `sink` have taken is durable when
    they return, respectively when the sink's block ends well.
    """

    def begin(self, run: Run, after_page: int) -> None:
        """Prepare for a run: take back its pages above `after_page`, and remains of killed ones."""

    def last_page(self, run: Run) -> int:
        """Return the largest number of a run's pages that are there, 0 if there is none."""

    def sink(self, reference: str, name: str) -> AbstractContextManager[Sink]:
        """Open a file to hang on a document; nothing is kept of it if its block raises.

        `reference`: the document's; `name`: the file's name, which may hold anything. Threads may
        open several at once.
        """

    def write_page(self, run: Run, number: int, documents: Iterable[Document]) -> None:
        """Take the documents of a page, numbered from 1, replacing what it held before."""
