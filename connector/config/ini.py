"""IDOL's INI form: sections of ``Key=Value`` lines, and how to write them.

The form, after the configuration pages of the IDOL connector guides:

* ``[Section]`` opens a section; the same name again goes on with it.
* ``Key=Value`` is split at the first ``=``; blanks around both are dropped; a repeated key keeps
  all its values in order. ``%`` and ``\\`` mean nothing to the reader.
* A line that begins with ``//`` is a comment. So is one that begins with ``#`` (our addition).
  Both are part of the value anywhere else, as in ``http://host/#top``.
* ``<`` includes from other files: see ``include``.

Section and key names are the same in any case. Files are UTF-8; a byte order mark and CRLF are
tolerated.
"""

from dataclasses import dataclass, field

from connector.config.errors import IniError

BLANK = " \t"


@dataclass(frozen=True)
class Origin:
    """Where a line stands; ``str()`` gives ``file:line``."""

    file: str = "text"
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Entry:
    """One ``Key=Value`` line. Equality leaves the origin out."""

    key: str
    value: str
    origin: Origin = field(default=Origin(), compare=False)


@dataclass(frozen=True)
class Section:
    """A section with its entries in order, name as first spelled."""

    name: str
    entries: tuple[Entry, ...] = ()
    origin: Origin = field(default=Origin(), compare=False)

    def values(self, key: str) -> tuple[str, ...]:
        """All values of a key (any case), in order; empty where it is not set."""
        return tuple(e.value for e in self.entries if fold(e.key) == fold(key))


@dataclass(frozen=True)
class Document:
    """All sections of a configuration, includes resolved. ``files`` lists every file read."""

    sections: tuple[Section, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)

    def section(self, name: str) -> Section | None:
        """The section of that name in any case, or None."""
        return next((s for s in self.sections if fold(s.name) == fold(name)), None)


def fold(name: str) -> str:
    """The form in which section and key names are compared."""
    return name.casefold()


def render(document: Document) -> str:
    """Write a document so that reading it gives an equal one.

    Raises:
        IniError: a name or value that this form cannot carry, such as one with a line break.
    """
    lines: list[str] = []
    problems: list[str] = []
    for section in document.sections:
        if not _is_section_name(section.name):
            problems.append(f"{section.name!r} cannot be the name of a section")
        lines.append(f"[{section.name}]")
        for entry in section.entries:
            if not (_is_key(entry.key) and _is_value(entry.value)):
                problems.append(f"[{section.name}] {entry.key!r} or its value cannot be written")
            lines.append(f"{entry.key}={entry.value}")
        lines.append("")
    if problems:
        raise IniError(problems)
    return "\n".join(lines)


def _is_value(text: str) -> bool:
    return text == text.strip(BLANK) and not any(c in text for c in "\r\n\0")


def _is_key(text: str) -> bool:
    return (
        _is_value(text)
        and text[:1] not in ("", "[", "<", "#")
        and text[:2] != "//"
        and ("=" not in text)
    )


def _is_section_name(text: str) -> bool:
    return _is_value(text) and text != "" and "]" not in text
