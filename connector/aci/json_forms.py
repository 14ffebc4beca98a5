"""A reply as JSON, in the two forms ACI has.

json: every element an object, its text under "$", so a leaf is {"$": "text"}.
simplejson: a leaf is its text, and names have no prefix.
Both: attributes are "@name", numbers and booleans are text, and whether an element is an array is
settled by `REPEATED` and by lists in the reply, never by how many there happen to be.
"""

import json
import re
from collections.abc import Mapping

from connector.aci.tree import MAX_DEPTH, TOO_DEEP, Tree, flat, text

REPEATED = frozenset(
    {
        ("actions", "action"),
        ("documentcounts", "documentcount"),
        ("action", "identifiers"),
        ("responsedata", "identifiers"),
        ("identifiers", "error"),
        ("identifiers", "identifier"),
        ("tasks", "failed"),
        ("tasks", "success"),
    }
)
"""Parent and child: the elements that are arrays even when there is one. The response schemas of
java-idol-types and the vendor's printed JSON samples."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def document(action: str, response: str, data: Mapping[str, Tree], *, simple: bool) -> str:
    """The envelope as one line of JSON; `simple` chooses simplejson."""
    envelope: dict[str, Tree] = {
        "action": action.upper(),
        "response": response,
        "responsedata": data,
    }
    root = {"autnresponse": _element("autnresponse", envelope, simple, -1)}
    return _carried(json.dumps(root, ensure_ascii=False, separators=(",", ":"))) + "\n"


def element(name: str, value: Tree, depth: int, *, simple: bool) -> str:
    """One element as `document` writes it, the children of responsedata being at depth 1."""
    local = name.removeprefix("autn:") if simple else name
    found = _element(local, value, simple, depth)
    return _carried(json.dumps(found, ensure_ascii=False, separators=(",", ":")))


def _element(name: str, value: Tree, simple: bool, depth: int) -> object:
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return _object(name, value, simple, depth)
    content = TOO_DEEP if isinstance(value, Mapping) else text(value)
    return content if simple else {"$": content}


def _object(name: str, value: Mapping[str, Tree], simple: bool, depth: int) -> object:
    result: dict[str, object] = {
        key: text(value[key]) for key in sorted(key for key in value if key[:1] == "@")
    }
    if "$" in value:
        body = text(value["$"])
        if simple and len(value) == 1:
            return body
        result["$"] = body
    for key, child in value.items():
        if key[:1] == "@" or key == "$":
            continue
        local = key.removeprefix("autn:") if simple else key
        if isinstance(child, list | tuple):
            result[local] = [_element(local, member, simple, depth + 1) for member in flat(child)]
        elif (name, local) in REPEATED:
            result[local] = [_element(local, child, simple, depth + 1)]
        else:
            result[local] = _element(local, child, simple, depth + 1)
    return result


def _carried(content: str) -> str:
    """`content` with U+FFFD for lone surrogates, which UTF-8 cannot carry."""
    return content if content.isascii() else _SURROGATE.sub("\ufffd", content)
