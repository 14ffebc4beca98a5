"""`Template`: an answer put through an XSL template of the server's, if the server allows that.

Source: "XSL templates" in the vendor's connector references. A template is never applied to an
error.
"""

import asyncio
import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from connector.aci.errors import AciError, Code, invalid
from connector.aci.formats import FORMATS
from connector.aci.help import HEADERS
from connector.aci.parameters import Parameters
from connector.aci.reply import Reply
from connector.aci.tree import Tree
from connector.config import Settings

ENDINGS = (".xsl", ".tmpl")

SECONDS = 5.0
"""How long a template may take."""

MEMORY = 512 << 20
"""Bytes of addresses that the process has which applies a template."""

MOST = 16 << 20
"""Bytes of an answer before and after its template."""

LARGEST = 1 << 20
"""Bytes of a template."""

AT_ONCE = 2
"""Templates that one http process has applied at the same time."""

KEPT = ("PYTHON", "LD_LIBRARY_PATH")
"""How variables begin by which a process finds its program; others may hold secrets."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Template:
    """A template that a request names: its text, and texts for its parameters."""

    name: str
    text: bytes
    parameters: Mapping[str, str]


class Templates:
    """The templates of this server, none if the settings do not want them."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.paths.templates if settings.server.xsl_templates else None
        self._free = asyncio.Semaphore(AT_ONCE)

    async def chosen(self, parameters: Parameters) -> Template | None:
        """Return the template of a request, read anew. Raises AciError, before anything is done."""
        name = parameters.get("Template")
        if self._folder is None or not name:
            return None
        given = _given(parameters.get("TemplateParamCSVs", ""))
        return Template(name, await asyncio.to_thread(_read, self._folder, name), given)

    async def applied(self, template: Template, reply: Reply, until: float) -> Response:
        """Return a reply as the template has it; `until`: monotonic time. Raises AciError."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                document = await _document(reply)
                async with self._free:
                    seconds = min(SECONDS, until - time.monotonic())
                    told, result = await asyncio.to_thread(_run, template, document, seconds)
        except TimeoutError:
            raise _failed(template, reply, "it did not end in time") from None
        if "media_type" not in told:
            raise _failed(template, reply, told.get("error", "it failed without a message"))
        headers = {**HEADERS, "content-type": told["media_type"]}
        return Response(result, headers=headers)


def _given(text: str) -> dict[str, str]:
    """Return names and values of `name=value,name="a, b"`."""
    given = {}
    for pair in next(csv.reader([text]), []):
        name, equals, value = pair.strip().partition("=")
        if not equals or not _PARAMETER.fullmatch(name):
            raise invalid("TemplateParamCSVs", text, 'name=value,name=value ("n=a, b" for a comma)')
        given[name] = value
    return given


def _read(folder: Path, name: str) -> bytes:
    """Return a template's text. Only names are taken, so nothing outside the folder is."""
    if not _NAME.fullmatch(name):
        raise invalid("Template", name, "the name of a template, without folder and ending")
    for ending in ENDINGS:
        try:
            # One that waits for a writer must not hold this thread.
            descriptor = os.open(folder / f"{name}{ending}", os.O_RDONLY | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                text = file.read(LARGEST + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            why = error.strerror or "it cannot be read"
            raise AciError(Code.TEMPLATE, f"Template {name!r} cannot be read: {why}.") from error
        if len(text) > LARGEST:
            raise AciError(Code.TEMPLATE, f"Template {name!r} is longer than {LARGEST} bytes.")
        return text
    there = (
        f"a template of [Paths] TemplateDirectory, {name}.xsl or {name}.tmpl, which is not there"
    )
    raise invalid("Template", name, there)


async def _document(reply: Reply) -> bytes:
    """Return all of a reply as XML."""
    xml = FORMATS["xml"]
    if reply.body is not None:
        return await _whole(reply.body(xml), "get it without one")
    if reply.pages is None:
        return xml.render(reply)
    before, after = xml.around(reply.action)
    hint = "choose fewer actions, by MaxResults for example"
    return before + await _whole(_each(reply.pages), hint) + after


async def _each(pages: AsyncIterator[Sequence[Tree]]) -> AsyncIterator[bytes]:
    async for members in pages:
        yield await asyncio.to_thread(_rendered, members)


async def _whole(chunks: AsyncIterator[bytes], hint: str) -> bytes:
    parts, size = [], 0
    async for part in chunks:
        parts.append(part)
        size += len(part)
        if size > MOST:
            told = f"This answer is longer than {MOST} bytes, and so for no template: {hint}."
            raise AciError(Code.TEMPLATE, told)
    return b"".join(parts)


def _rendered(members: Sequence[Tree]) -> bytes:
    xml = FORMATS["xml"]
    return b"".join([xml.element(member) for member in members])


def _run(template: Template, document: bytes, seconds: float) -> tuple[dict[str, str], bytes]:
    """Apply a template in a process of its own; return what that tells, and the result."""
    asked = {
        "template": len(template.text),
        "parameters": template.parameters,
        "seconds": int(SECONDS) + 1,
        "memory": MEMORY,
        "most": MOST,
    }
    given = json.dumps(asked).encode() + b"\n" + template.text + document
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "connector.aci.xsl"],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: text for name, text in os.environ.items() if name.startswith(KEPT)},
            start_new_session=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {seconds:.1f} s"}, b""
    line, _, result = ended.stdout.partition(b"\n")
    if ended.returncode or not line:
        return {"error": "its process was ended; it needs too much time, memory or stack"}, b""
    return dict(json.loads(line)), result


def _failed(template: Template, reply: Reply, why: str) -> AciError:
    token = reply.data.get("token")
    stored = f" The action was stored, its token is {token}." if isinstance(token, str) else ""
    told = f"Template {template.name!r} could not be applied to the answer: {why.rstrip('.')}."
    return AciError(Code.TEMPLATE, told + stored, "Template")
