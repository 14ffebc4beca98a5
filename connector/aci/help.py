"""Help: a page for people about every action and each parameter, made from what they declare."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

import connector
from connector.aci import catalogue
from connector.aci.authorization import Admission
from connector.aci.catalogue import Entry
from connector.aci.standard import PRODUCT
from connector.actions.action import Action, Parameter

HEADERS = {
    # The page loads nothing and runs nothing, whatever names outside actions have.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}"
    "code{font-size:95%}"
)


class Help:
    """The action Help. `actions`: the asynchronous ones by name."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._page = page(list(catalogue.entries(actions)))

    async def answer(self, values: Mapping[str, Any], admission: Admission) -> HTMLResponse:
        """Answer with the page."""
        return HTMLResponse(self._page, headers=HEADERS)


def page(entries: Iterable[Entry]) -> str:
    """Return the page about these actions."""
    entries = list(entries)
    title = escape(f"Actions of {PRODUCT} {connector.__version__}")
    links = ", ".join(f'<a href="#{_anchor(e.name)}">{escape(e.name)}</a>' for e in entries)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            "<p>Send an action as <code>/action=Name&amp;Parameter=value</code>, or its parameters "
            "by POST. Names and fixed values may be in any case.</p>",
            f"<p>{links}</p>",
            *(line for entry in entries for line in _section(entry)),
            "<h2>Parameters of every action</h2>",
            *_table(catalogue.common()),
            "</body></html>",
            "",
        ]
    )


def _section(entry: Entry) -> Iterator[str]:
    yield f'<h2 id="{_anchor(entry.name)}">{escape(entry.name)}</h2>'
    also = f" Also called {escape(', '.join(entry.aliases))}." if entry.aliases else ""
    how = "It is stored, and answers a token." if entry.asynchronous else "It is answered at once."
    yield f"<p>{escape(entry.help)} {how} It wants the role {entry.role}.{also}</p>"
    if entry.parameters:
        yield from _table(entry.parameters)


def _table(parameters: Iterable[Parameter]) -> Iterator[str]:
    yield "<table><tr><th>Parameter<th>Value<th>If left out<th>Meaning</tr>"
    for each in parameters:
        cells = (catalogue.kind(each), catalogue.default(each), catalogue.meaning(each))
        told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        yield f"<tr><td><code>{escape(each.name)}</code></td>{told}</tr>"
    yield "</table>"


def _anchor(name: str) -> str:
    return escape(name.casefold(), quote=True)
