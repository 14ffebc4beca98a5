"""The envelope of an ACI answer, read in whichever form it came, by libraries that clients use."""

import json
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connector.aci.errors import Code

WORDS = {code.word for code in Code}
FIELDS = ("errorid", "rawerrorid", "errorstring", "errordescription", "errorcode", "errortime")


class Broken(Exception):
    """The answer is no envelope."""


@dataclass(frozen=True)
class Envelope:
    """What an answer says. `code`, `description`: of an error. `token`: of what was stored.

    An error has one if the action was stored all the same.
    """

    success: bool
    token: str = ""
    code: str = ""
    description: str = ""


def envelope(content: bytes, content_type: bytes) -> Envelope:
    """Read an answer. Raises Broken."""
    match content_type:
        case b"text/xml; charset=utf-8":
            return _of_xml(content)
        case b"application/json":
            return _of_json(content)
        case b"text/html; charset=utf-8":
            if not content.startswith(b"<!DOCTYPE html>"):
                raise Broken("the page is no page")
            return Envelope(True)
    raise Broken(f"the type of the answer is {content_type!r}")


def _of_xml(content: bytes) -> Envelope:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Broken(f"the answer is no XML: {error}") from None
    if root.tag == "told":  # what the template of the rig makes of an answer
        return Envelope(root.findtext("response") == "SUCCESS", root.findtext("token") or "")
    if [child.tag for child in root] != ["action", "response", "responsedata"]:
        raise Broken(f"the parts of the envelope are {[child.tag for child in root]}")
    if root.tag != "autnresponse" or root.getroottree().docinfo.internalDTD is not None:
        raise Broken("the envelope is not an autnresponse alone")
    data = root[2]
    fields = {str(each.tag): each.text or "" for each in data.iterfind("error/*")}
    return _said(root[1].text, data.findtext("token"), fields)


def _of_json(content: bytes) -> Envelope:
    try:
        root = json.loads(content)["autnresponse"]
        said, data = _text(root["response"]), root["responsedata"]
        token = _text(data["token"]) if "token" in data else ""
        fields = {name: _text(value) for name, value in (data.get("error") or {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken(f"the answer is no JSON of ours: {error!r}") from None
    return _said(said, token, fields)


def _text(value: Any) -> str:
    return str(value["$"] if isinstance(value, dict) else value)


def _said(response: str | None, token: str | None, fields: dict[str, str]) -> Envelope:
    if response == "SUCCESS":
        return Envelope(True, token or "")
    if response != "ERROR":
        raise Broken(f"the response is {response!r}")
    if tuple(fields) != FIELDS or not all(fields.values()):
        raise Broken(f"the fields of the error are {fields}")
    if fields["errorcode"] not in WORDS:
        raise Broken(f"there is no error {fields['errorcode']}")
    return Envelope(False, token or "", fields["errorcode"], fields["errordescription"])
