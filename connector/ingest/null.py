"""The target that forgets: for measurements, and for trying out what a task would take."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.ingest.document import Document, Run
from connector.ingest.target import Sink


class Forgetting:
    """A sink that keeps nothing."""

    place = None

    def write(self, data: bytes) -> None:
        """Forget the bytes."""


class Null:
    """Takes everything and keeps nothing."""

    def __init__(self, folder: Path) -> None:
        """Take the folder as every target does, and leave it alone."""

    def begin(self, run: Run, after_page: int) -> None:
        """Have nothing to prepare."""

    def last_page(self, run: Run) -> int:
        """Have kept none."""
        return 0

    @contextmanager
    def sink(self, reference: str, name: str) -> Iterator[Sink]:
        """Open a sink that forgets."""
        yield Forgetting()

    def write_page(self, run: Run, number: int, documents: Iterable[Document]) -> None:
        """Have the records made, so that they cost what they cost, and forget them."""
        for document in documents:
            document.line(run)
