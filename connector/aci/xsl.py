"""Applies an XSL template to a document: `python -m connector.aci.xsl`, a process for each answer.

A template is a program. So it runs where it can be killed, with little memory and without means: no
file can be opened there any more, and no process started, when it is read.

The standard input is a line of JSON (`template`, its bytes; `parameters`, texts by name; `seconds`;
`memory`, bytes; `most`, bytes of a result), the template, and the document. The standard output is
a line of JSON (`media_type`, or `error`, a sentence) and the result.
"""

import json
import re
import resource
import sys
from collections.abc import Mapping
from typing import Any

from lxml import etree

XSL = "{http://www.w3.org/1999/XSL/Transform}"

MEDIA_TYPES = {"xml": "text/xml", "html": "text/html", "text": "text/plain"}
"""Method of xsl:output to the media type, unless its media-type says another."""

SAID = 4
LONGEST = 500
"""Errors of a template that are told, and characters of them."""

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_CHARSET = re.compile(r"[\w.:-]+", re.ASCII)


class Refused(Exception):
    """The template cannot be applied; the message is for people."""


def main() -> None:
    """Answer what the standard input asks."""
    source = sys.stdin.buffer
    asked = json.loads(source.readline())
    template, document = source.read(asked["template"]), source.read()
    try:
        renounce(asked["seconds"], asked["memory"])
        media_type, result = transformed(template, document, asked["parameters"])
        if len(result) > asked["most"]:
            raise Refused(f"the result is longer than {asked['most']} bytes")
        told = {"media_type": media_type}
    except Refused as error:
        told, result = {"error": str(error)}, b""
    except MemoryError:
        told, result = {"error": "it needs too much memory"}, b""
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + result)


def renounce(seconds: int, memory: int) -> None:
    """Give up for good what no template needs: open files, other processes, much time and memory.

    `seconds`: of computing time; `memory`: bytes of addresses.
    """
    for what, most in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
    ):
        resource.setrlimit(what, (most, most))


def transformed(
    template: bytes, document: bytes, parameters: Mapping[str, str]
) -> tuple[str, bytes]:
    """Return the result's media type, with its charset, and its bytes. Raises Refused."""
    sheet = _read(template)
    try:
        transform = etree.XSLT(sheet, access_control=etree.XSLTAccessControl.DENY_ALL)
        given = {name: etree.XSLT.strparam(text) for name, text in parameters.items()}
        result: Any = transform(etree.fromstring(document, _parser()), profile_run=False, **given)
    except etree.XSLTError as error:
        raise Refused(_said(error)) from error
    return _media_type(sheet, result), bytes(result)


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)


def _read(template: bytes) -> Any:
    try:
        sheet = etree.fromstring(template, _parser()).getroottree()
    except etree.XMLSyntaxError as error:
        raise Refused(f"it is no well-formed XML: {error.msg}") from error
    if sheet.docinfo.internalDTD is not None:
        raise Refused("it has a DOCTYPE; leave that out, and write characters such as &#160;")
    for element in sheet.iter(f"{XSL}include", f"{XSL}import"):
        name = etree.QName(element).localname
        raise Refused(
            f"xsl:{name} in line {element.sourceline} would read another file; put all into one"
        )
    return sheet


def _media_type(sheet: Any, result: Any) -> str:
    said: dict[str, str] = {}
    for output in sheet.getroot().iterchildren(f"{XSL}output"):
        said.update(output.attrib)
    root = result.getroot()
    html = root is not None and isinstance(root.tag, str) and root.tag.lower() == "html"
    method = said.get("method", "html" if html else "xml")
    media_type = said.get("media-type", "")
    if not _TYPE.fullmatch(media_type):
        media_type = MEDIA_TYPES.get(method, MEDIA_TYPES["xml"])
    encoding = said.get("encoding", "")
    return f"{media_type}; charset={encoding if _CHARSET.fullmatch(encoding) else 'utf-8'}"


def _said(error: Any) -> str:
    """Return what the library has noted of an error, with the lines of the template."""
    noted = [entry for entry in error.error_log if entry.level >= etree.ErrorLevels.ERROR]
    lines = [
        f"line {entry.line}: {entry.message}" if entry.line else entry.message for entry in noted
    ]
    told = "; ".join(dict.fromkeys(lines[:SAID])) or str(error)
    return " ".join(told.split())[:LONGEST] or "it failed without a message"


if __name__ == "__main__":
    main()
