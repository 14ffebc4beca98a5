"""Comparing a page of messages with what was delivered before: pure, all of it in memory."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connector.datastore.content import Item
from connector.webex.models import Message, moment

FAILED = "failed"
"""Fingerprint of a file that could not be had for a passing reason: the next sweep tries again."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as it hangs on a message."""

    reference: str
    url: str
    message: Message


@dataclass(slots=True)
class Comparison:
    """What a page means for the target."""

    added: list[Message] = field(default_factory=list)
    updated: list[Message] = field(default_factory=list)
    files: list[Attached] = field(default_factory=list)
    """Files to download and deliver for the first time."""
    failed_files: list[Attached] = field(default_factory=list)
    """Files to try again."""
    unchanged: int = 0
    missing: list[Item] = field(default_factory=list)
    """Messages delivered before that the page should hold but does not."""
    detached: list[Item] = field(default_factory=list)
    """Files delivered before that their message no longer has."""


def compare(
    messages: Sequence[Message],
    known: Mapping[str, Item],
    *,
    with_files: bool,
    edge: Collection[str] = (),
) -> Comparison:
    """Compare a page with the documents known of its stretch of time.

    `edge`: references of messages at the very end of the page before, which are not missing here.
    """
    found = Comparison()
    attached: dict[str, set[str]] = {}
    for message in messages:
        item = known.get(message.id)
        if item is None:
            found.added.append(message)
        elif item.fingerprint != fingerprint(message):
            found.updated.append(message)
        else:
            found.unchanged += 1
        files = [Attached(file_reference(url), url, message) for url in message.files]
        attached[message.id] = {file.reference for file in files}
        if with_files:
            _compare_files(files, known, found)
    for item in known.values():
        if item.parent is None:
            if item.reference not in attached and item.reference not in edge:
                found.missing.append(item)
        elif with_files and item.parent in attached:
            if item.reference not in attached[item.parent]:
                found.detached.append(item)
    return found


def _compare_files(files: Sequence[Attached], known: Mapping[str, Item], found: Comparison) -> None:
    for file in files:
        item = known.get(file.reference)
        if item is None:
            found.files.append(file)
        elif item.fingerprint == FAILED:
            found.failed_files.append(file)
        else:
            found.unchanged += 1


def fingerprint(message: Message) -> str:
    """Return what tells an edited message from the one delivered."""
    told = (message.updated, message.text, message.markdown, message.html, message.files)
    return hashlib.sha1(json.dumps(told).encode(), usedforsecurity=False).hexdigest()


def file_reference(url: str) -> str:
    """Return the reference of a file: the id at the end of its address, whatever the host."""
    return url.rstrip("/").rpartition("/")[2].partition("?")[0]


def written(message: Message) -> str:
    """Return when a message was written, so that text order is time order. Raises BadReply."""
    return stamp_of(message.created)


def stamp_of(text: str) -> str:
    """Return an ISO 8601 time of Webex in UTC and in one fixed width. Raises BadReply."""
    return moment(text).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
