"""Names of people, asked for once a run."""

from collections.abc import Iterable, Mapping

from connector.webex.client import WebexClient
from connector.webex.errors import Forbidden, NotFound, Refused
from connector.webex.models import Person


class People:
    """The people met in a run. Who cannot be asked for stays without a name."""

    def __init__(self, client: WebexClient) -> None:
        self._client = client
        self._known: dict[str, Person | None] = {}
        self._refused = False

    def named(self, ids: Iterable[str | None]) -> Mapping[str, Person]:
        """Return the people with these ids that Webex knows, by id. Raises WebexError."""
        wanted = {id for id in ids if id}
        unknown = sorted(wanted - self._known.keys())
        if unknown and not self._refused:
            try:
                found = self._client.people(unknown)
            except (Forbidden, NotFound, Refused):
                # A token without the right to see people can still fetch messages.
                self._refused = True
                found = {}
            self._known |= {id: found.get(id) for id in unknown}
        return {id: person for id in wanted if (person := self._known.get(id)) is not None}
