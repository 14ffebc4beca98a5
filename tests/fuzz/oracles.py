"""What must hold of every request, whatever it was.

A rule that is broken is a sentence; a conversation that breaks none has no sentences.
"""

import re
from collections import Counter
from collections.abc import Iterator

from connector.aci.errors import BadRequest
from connector.aci.permissions import PATHS
from connector.aci.request import Limits, parse
from connector.aci.storing import KEY
from tests.fuzz import answers
from tests.fuzz.answers import Answer, Malformed
from tests.fuzz.connection import Talk
from tests.fuzz.envelope import Broken, Envelope, envelope
from tests.fuzz.recording import Seen
from tests.fuzz.rig import Rig

STATUSES = {
    "/livez": {200, 405},
    "/readyz": {200, 405},
    "/events": {200, 400, 404, 405, 503},
    "/api": {404},
    "/metrics": {404},
    "/healthz": {200},
}
"""First part of a path that is no action, to the HTTP statuses that are documented for it."""

FORBIDDEN = ("ERRORINTERNAL", "ERRORINDOUBT", "ERRORUNAVAILABLE")
"""Errors that mean a fault of the server, where the database is always there."""

STORED_ALL_THE_SAME = ("ERRORUNFINISHED", "ERRORACTIONFAILED", "ERRORTEMPLATE")
"""Errors about an answer, of an action that is stored."""

_STOLEN = re.compile(rb"root:[x*]?:0:0:")
_STORED = re.compile(r"The action was stored, its token is ([0-9a-f-]{36})\.")


def broken(rig: Rig, talk: Talk, before: list[str], sent: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield what is wrong. `before`: the tokens that were stored before it; `sent`: secrets."""
    if talk.late:
        yield talk.late
    try:
        came = answers.read(talk.wire, [seen.method for seen in talk.seen])
    except Malformed as error:
        yield f"an answer is malformed: {error}"
        came = []
    if not talk.cut:
        yield from _one_each(talk.seen, came)
    yield from _leaks((*rig.secrets, *sent), talk)
    told: list[tuple[Seen, Envelope]] = []
    for seen in talk.seen:
        try:
            if (found := _envelope(seen)) is not None:
                told.append((seen, found))
        except Broken as error:
            yield f"{error} (status {seen.status}, {bytes(seen.content[:100])!r})"
    yield from _errors(told)
    yield from _rows(rig, told, before)
    if talk.probed and not (talk.seen and talk.seen[-1].status == 200):
        yield "the connection cannot be used any more"
    if rig.guard.under_way:
        yield "a client's place is taken though nobody asks anything any more"
        rig.guard.under_way.clear()


def _one_each(seen: list[Seen], came: list[Answer]) -> Iterator[str]:
    """Each request has its answer, in order; what is no request may have one at the end."""
    for number, one in enumerate(seen):
        if not one.complete and not one.is_stream and not _lacks_body(one):
            yield f"a whole request has no answer: {one.method} {one.raw_path[:60]!r}"
        if number >= len(came):
            if one.complete:
                yield "an answer was made and not sent"
            return
        answer = came[number]
        if answer is came[-1] and answer.is_to_nothing and _lacks_body(one):
            # Its body cannot be read, which was said in place of what the application answered.
            continue
        if answer.status != one.status:
            yield f"the status is {answer.status} and should be {one.status}"
        elif answer.whole and one.method != "HEAD" and answer.body != bytes(one.content):
            yield "the body is not the one that was made"
    for surplus in came[len(seen) :]:
        if not surplus.is_to_nothing or surplus is not came[-1]:
            yield f"there is an answer ({surplus.status}) to nothing"


def _lacks_body(seen: Seen) -> bool:
    names = {name for name, _ in seen.headers}
    return not seen.whole and bool(names & {b"content-length", b"transfer-encoding"})


def _leaks(secrets: tuple[str, ...], talk: Talk) -> Iterator[str]:
    content = b"".join([talk.wire, *(bytes(seen.content) for seen in talk.seen)])
    for secret in secrets:
        if secret.encode() in content:
            yield "an answer shows a secret"
    if _STOLEN.search(content):
        yield "an answer shows a file of the system"


def _envelope(seen: Seen) -> Envelope | None:
    """Return what an answer says, None if it is no action's. Raises Broken."""
    if not seen.status or not seen.complete:
        return None
    if seen.status == 204 and seen.method == "OPTIONS":
        return None
    first = "/" + seen.path.lstrip("/").partition("/")[0]
    if first in PATHS:
        if seen.status not in STATUSES[first] | {403} and seen.path in PATHS:
            raise Broken(f"the status of {first} is none of the documented ones")
        # A path below one of them that nobody keeps for later is an action's like any other.
        if seen.path in PATHS or first in ("/api", "/metrics"):
            return None
    if seen.status == 403 and seen.method == "OPTIONS":
        return envelope(bytes(seen.content), seen.content_type)
    if seen.status != 200 and first not in PATHS:
        raise Broken("the status of an action's answer is not 200")
    return envelope(bytes(seen.content), seen.content_type)


def _errors(told: list[tuple[Seen, Envelope]]) -> Iterator[str]:
    for seen, found in told:
        if found.code in FORBIDDEN:
            yield f"{found.code}: {found.description[:200]} ({seen.method} {seen.raw_path[:60]!r})"


def _rows(rig: Rig, told: list[tuple[Seen, Envelope]], before: list[str]) -> Iterator[str]:
    """Each new row has its token in one answer; each token answered has its row."""
    stored = rig.stored()
    new = set(stored) - set(before)
    given: Counter[str] = Counter()
    for _, found in told:
        later = _STORED.search(found.description)
        if found.code and found.token and found.code not in STORED_ALL_THE_SAME:
            yield f"{found.code} has a token, though it means that nothing was stored"
        token = found.token or (later[1] if later else None)
        if token:
            given[token] += 1
    rig.app.tokens |= new
    if missing := new - set(given):
        yield f"{len(missing)} actions were stored, and no answer has their token"
    for token, times in given.items():
        if token not in stored:
            yield "a token was answered whose action is not stored"
        elif (token not in new or times > 1) and not any(map(_has_key, told)):
            yield "a token was answered that another request had"


def _has_key(told: tuple[Seen, Envelope]) -> bool:
    """Whether a request may have been answered with the token of an earlier one."""
    seen, _ = told
    headers = dict(seen.headers)
    if b"idempotency-key" in headers:
        return True
    content_type = headers.get(b"content-type", b"").decode("latin-1") or None
    target = (seen.method, seen.raw_path, seen.query)
    try:
        return KEY in parse(*target, content_type, bytes(seen.body), Limits()).parameters
    except BadRequest:
        return False
