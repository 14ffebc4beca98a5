"""Delivering what a page changed: files, then the page's documents; then it may be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.actions.fetch.comparison import (
    FAILED,
    Attached,
    Comparison,
    fingerprint,
    stamp_of,
    written,
)
from connector.actions.fetch.counts import Counts
from connector.actions.fetch.documents import Op, deletion, file_document, message_document
from connector.actions.fetch.downloads import Downloads
from connector.actions.fetch.journal import Step
from connector.actions.fetch.people import People
from connector.datastore.content import Item
from connector.ingest.document import Document, Run
from connector.ingest.target import Target
from connector.webex.client import WebexClient
from connector.webex.errors import NotFound
from connector.webex.models import Message, Room


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run delivers with."""

    client: WebexClient
    target: Target
    run: Run
    downloads: Downloads
    people: People

    def deliver(
        self,
        room: Room,
        found: Comparison,
        known: Mapping[str, Item],
        page: int,
        counts: Counts,
    ) -> tuple[int, Step]:
        """Deliver what a comparison found as page `page` + 1, if it found anything.

        Counts into `counts`; returns the number of the last page and what to store with it.
        Raises WebexError, TargetUnusable.
        """
        sheet = _Sheet(room, counts)
        people = self.people.named(m.person_id for m in (*found.added, *found.updated))
        for message in found.added:
            sheet.message("add", message, message_document("add", room, message, people))
        for message in found.updated:
            sheet.message("update", message, message_document("update", room, message, people))
        files = (*found.files, *found.failed_files)
        for number, (file, got) in enumerate(zip(files, self.downloads.get(files), strict=True)):
            op: Op = "add" if number < len(found.files) else "update"
            document = file_document(op, room, file, got)
            sheet.file(op, file, document, got.error, got.passing)
            counts.files += got.place is not None
        for item in (*self._deleted(found, known), *found.detached):
            sheet.deletion(item)
        if not sheet.documents:
            return page, sheet.step
        self.target.write_page(self.run, page + 1, sheet.documents)
        return page + 1, sheet.step

    def _deleted(self, found: Comparison, known: Mapping[str, Item]) -> list[Item]:
        """Return the missing messages that Webex says are gone, each with its files."""
        gone: list[Item] = []
        for item in found.missing:
            try:
                self.client.message(item.reference)
            except NotFound:
                gone.append(item)
                gone += [other for other in known.values() if other.parent == item.reference]
        return gone


@dataclass(slots=True)
class _Sheet:
    """A page being put together: documents, what to store, counts."""

    room: Room
    counts: Counts
    documents: list[Document] = field(default_factory=list)
    step: Step = field(default_factory=Step)

    def message(self, op: Op, message: Message, document: Document) -> None:
        item = Item(message.id, self.room.id, None, written(message), fingerprint(message))
        self._put(op, item, document)

    def file(
        self, op: Op, file: Attached, document: Document, error: str | None, passing: bool
    ) -> None:
        if error is not None:
            self.counts.error(f"file {document.title} of message {file.message.id}: {error}")
        created = stamp_of(file.message.created)
        mark = FAILED if passing else ""
        self._put(op, Item(file.reference, self.room.id, file.message.id, created, mark), document)

    def deletion(self, item: Item) -> None:
        self.counts.deleted += 1
        self.step.removed.append(item.reference)
        self.documents.append(deletion(self.room, item.reference))

    def _put(self, op: Op, item: Item, document: Document) -> None:
        self.counts.seen += 1
        self.documents.append(document)
        if op == "add":
            self.counts.added += 1
            self.step.new.append(item)
        else:
            self.counts.updated += 1
            self.step.changed.append(item)
