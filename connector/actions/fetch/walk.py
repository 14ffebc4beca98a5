"""Walking one room: from its newest message down, page by page, each delivered before the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from connector.actions.fetch.checkpoint import Place
from connector.actions.fetch.comparison import compare, written
from connector.actions.fetch.counts import Counts
from connector.actions.fetch.delivery import Delivery
from connector.actions.fetch.journal import Journal
from connector.datastore.content import WalkedRoom
from connector.webex.client import WebexClient
from connector.webex.models import Message, Room

Page = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """How a run walks rooms. `ahead`: one thread, asking for a page while another is delivered."""

    client: WebexClient
    journal: Journal
    delivery: Delivery
    ahead: ThreadPoolExecutor
    with_files: bool

    def room(self, room: Room, place: Place) -> Iterator[Counts]:
        """Walk a room from a place in it to its end; yield the counts after each page.

        Raises WebexError, TargetUnusable, HolderLost.
        """
        pages = self.client.messages(room.id, before_message=place.cursor)
        page: Page = next(pages, ())
        while page:
            wanted = tuple(message for message in page if written(message) >= place.bound)
            # Below the bound lies nothing that is wanted, so nothing more is asked for.
            on = len(wanted) == len(page)
            coming = self.ahead.submit(next, pages, ()) if on else None
            if wanted:
                place = self._page(room, place, wanted)
                yield self.journal.counts
            page = coming.result() if coming is not None else ()
        self._end(room, place)
        yield self.journal.counts

    def _page(self, room: Room, place: Place, messages: Page) -> Place:
        lower = written(messages[-1])
        known = self.journal.known(place, lower)
        found = compare(messages, known, with_files=self.with_files, edge=place.edge)
        counts = replace(self.journal.counts)
        counts.messages += len(messages)
        counts.seen += found.unchanged
        counts.unchanged += found.unchanged
        number, step = self.delivery.deliver(
            room, found, known, self.journal.checkpoint.page, counts
        )
        edge = tuple(message.id for message in messages if written(message) == lower)
        after = replace(
            place,
            cursor=messages[-1].id,
            upper=lower,
            edge=(*place.edge, *edge) if lower == place.upper else edge,
            newest=max(place.newest or "", written(messages[0])),
        )
        self.journal.page_done(after, number, counts, step)
        return after

    def _end(self, room: Room, place: Place) -> None:
        """Find what was deleted below the last message that is there, and close the room."""
        known = self.journal.known(place, place.bound)
        found = compare((), known, with_files=self.with_files, edge=place.edge)
        counts = replace(self.journal.counts)
        number, step = self.delivery.deliver(
            room, found, known, self.journal.checkpoint.page, counts
        )
        done = WalkedRoom(
            room.id, room.title, place.last_activity, place.newest, self.journal.token
        )
        self.journal.room_done(done, number, counts, step)
