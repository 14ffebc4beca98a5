"""Walking a list by its Link headers (RFC 8288), trusting none of them.

Seen at Webex: next links with "max=null", next links without the filters of the first request,
lists that never end, empty pages with more behind them. So our own parameters are put back, a
repeated link or a page of nothing new ends the walk with a BadReply, and pages are counted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

import httpx2

from connector.webex.errors import BadReply
from connector.webex.transport import Transport

MOST_PAGES = 100_000
MOST_EMPTY_PAGES = 100
"""Of one list; empty ones counted in a row."""

POSITIONS = frozenset({"before", "beforeMessage", "cursor"})
"""Parameters that say where in the list a page begins: the next link's own word counts."""

_REMEMBERED = 20_000

_LINK = re.compile(r'<([^>]*)>((?:[^,"]|"[^"]*")*)')
_RELATION = re.compile(r';\s*rel\s*=\s*"?([^";]*)', re.IGNORECASE)


class Identified(Protocol):
    """What a list holds."""

    @property
    def id(self) -> str:
        """Unique within the list."""


Item = TypeVar("Item", bound=Identified)


def pages(
    transport: Transport,
    path: str,
    query: Mapping[str, str],
    read: Callable[[Mapping[str, object]], Item],
) -> Iterator[tuple[Item, ...]]:
    """The pages of a list, each item once; pages with nothing in them are passed over.

    `read` makes an item from its JSON. Raises any WebexError; after BadReply start the list anew.
    """
    url = transport.url(path).copy_merge_params(query)
    asked, seen, empty = {hash(str(url))}, Seen(), 0
    while True:
        data, headers = transport.json(url)
        found = _items(data, read, url, headers)
        fresh = tuple(item for item in found if seen.add(item.id))
        if found and not fresh:
            raise _bad("Webex repeats a page of this list for ever", url, headers)
        if fresh:
            yield fresh
        empty = 0 if found else empty + 1
        following = _next_link(headers)
        if following is None:
            return
        url = _merged(transport.resolve(following, "the Link header of a list"), query)
        if hash(str(url)) in asked:
            raise _bad("Webex's next link leads back to a page already read", url, headers)
        asked.add(hash(str(url)))
        if empty > MOST_EMPTY_PAGES or len(asked) > MOST_PAGES:
            raise _bad("Webex's list does not come to an end", url, headers)


class Seen:
    """The ids met last, some 20,000 to 40,000 of them: memory stays bounded in long lists."""

    def __init__(self) -> None:
        self._recent: set[str] = set()
        self._older: set[str] = set()

    def add(self, key: str) -> bool:
        """Remember `key`; False if it was known."""
        if key in self._recent or key in self._older:
            return False
        if len(self._recent) >= _REMEMBERED:
            self._older, self._recent = self._recent, set()
        self._recent.add(key)
        return True


def _items(
    data: Mapping[str, object],
    read: Callable[[Mapping[str, object]], Item],
    url: httpx2.URL,
    headers: Mapping[str, str],
) -> list[Item]:
    items = data.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _bad("Webex answered a list without 'items'", url, headers)
    try:
        return [read(item) for item in items]
    except BadReply as error:
        raise _bad(error.text, url, headers) from None


def _next_link(headers: Mapping[str, str]) -> str | None:
    for address, parameters in _LINK.findall(headers.get("link", "")):
        relation = _RELATION.search(parameters)
        if relation and "next" in relation[1].lower().split():
            return str(address)
    return None


def _merged(url: httpx2.URL, query: Mapping[str, str]) -> httpx2.URL:
    """The next link with our own parameters back in it, and without values that are none."""
    linked = url.params.multi_items()
    kept = [(name, value) for name, value in linked if value not in ("", "null")]
    names = {name for name, _ in kept}
    own = {name: value for name, value in query.items() if name not in POSITIONS}
    if "max" in names:
        own.pop("max", None)
    if names <= query.keys() - POSITIONS:
        own = dict(query)  # it names no position: that is our first request again
    wanted = [(name, value) for name, value in kept if name not in own] + list(own.items())
    return url if sorted(wanted) == sorted(linked) else url.copy_with(params=wanted)


def _bad(text: str, url: httpx2.URL, headers: Mapping[str, str]) -> BadReply:
    return BadReply(text, method="GET", path=url.path, tracking_id=headers.get("trackingid"))
