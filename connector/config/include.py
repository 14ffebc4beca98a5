"""Reading INI text and files, with their includes.

    < "shared.cfg"                          all of a file, at this place
    < "shared.cfg" [Webex]                  one of its sections, heading included
    < "shared.cfg" [Webex] PageSize         one key into the section that is open; * and ? match,
    < "shared.cfg" [Webex] PageSize=50      with a default for when it is not there
    [Webex] < "shared.cfg" [Other]          the keys of [Other] into [Webex]
    [Webex] < "shared.cfg"                  the keys of its [Webex] into ours

Files are found relative to the one that names them. (IDOL connector guides, "Include an External
Configuration File"; the last form is ours.)
"""

import re
from fnmatch import fnmatchcase
from os.path import isfile
from pathlib import Path

from connector.config.errors import IniError
from connector.config.ini import BLANK, Document, Entry, Origin, Section, fold

_HEADING = re.compile(r"\[([^\]]+)\][ \t]*(.*)", re.DOTALL)
_INCLUDE = re.compile(r'<[ \t]*"([^"]+)"[ \t]*(?:\[([^\]]+)\][ \t]*(.*))?', re.DOTALL)
_HOW_TO_INCLUDE = 'write < "file", < "file" [Section] or [Section] < "file" [Other]'
_HEADLESS = ""
_Open = tuple[str, Origin, list[Entry]]


def parse(text: str, name: str = "text", folder: Path | None = Path()) -> Document:
    """Read configuration text; includes are found relative to ``folder``.

    None is for a text that somebody has sent: it reaches no file, and no message quotes it.

    Raises:
        IniError: with all the lines that cannot be read.
    """
    problems: list[str] = []
    document = _Reader(name, folder, (), problems).read(text)
    return _finished(document, problems)


def read(path: Path) -> Document:
    """Read a configuration file and all that it includes.

    Raises:
        IniError: with all the lines and files that cannot be read.
    """
    problems: list[str] = []
    document = _read_file(path, (), problems)
    return _finished(document, problems)


def _finished(document: Document, problems: list[str]) -> Document:
    headless = document.section(_HEADLESS)
    for entry in headless.entries if headless else ():
        problems.append(
            f"{entry.origin}: {_short(entry.key)!r} stands before any section; "
            "put [Section] above it"
        )
    if problems:
        raise IniError(problems)
    return document


def _read_file(path: Path, stack: tuple[Path, ...], problems: list[str]) -> Document:
    name = str(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        problems.append(f"{name}: cannot be read: {error.strerror or error}; name a file that can")
        return Document()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.append(f"{name}:{line}: is not UTF-8; save the file as UTF-8")
        return Document()
    return _Reader(name, path.parent, (*stack, path.resolve()), problems).read(text)


class _Reader:
    """One file: its lines become sections, in order. Faults go to the shared list."""

    def __init__(
        self, name: str, folder: Path | None, stack: tuple[Path, ...], problems: list[str]
    ) -> None:
        self._name = name
        self._folder = folder
        self._stack = stack
        self._problems = problems
        self._sections: dict[str, _Open] = {}
        self._files: list[str] = [name] if stack else []
        self._current = _HEADLESS
        self._here = Origin(name, 0)

    def read(self, text: str) -> Document:
        for number, line in enumerate(text.split("\n"), start=1):
            self._here = Origin(self._name, number)
            self._line(line.removesuffix("\r").strip(BLANK))
        sections = (Section(name, tuple(e), at) for name, at, e in self._sections.values())
        return Document(tuple(sections), tuple(self._files))

    def _line(self, line: str) -> None:
        if not line or line.startswith(("//", "#")):
            return
        if "\0" in line:
            self._wrong("has a NUL byte; remove it, or save the file as UTF-8 text")
        elif line.startswith("["):
            self._heading(line)
        elif line.startswith("<"):
            self._include(line, into=None)
        else:
            key, equals, value = line.partition("=")
            if not equals:
                # The line is not shown: it may be the rest of a secret.
                self._wrong("has no '='; write Key=Value, or begin a comment with //")
            elif not key.strip(BLANK):
                self._wrong("has nothing before the '='; write Key=Value")
            else:
                entry = Entry(key.strip(BLANK), value.strip(BLANK), self._here)
                self._add(self._current, [entry])

    def _heading(self, line: str) -> None:
        match = _HEADING.fullmatch(line)
        name = match[1].strip(BLANK) if match else ""
        if match is None or not name:
            self._wrong(f"{self._quoted(line)} is not a section heading; write [Section]")
            return
        self._current = name
        self._add(name, [])
        rest = match[2]
        if rest.startswith("<"):
            self._include(rest, into=name)
        elif rest and not rest.startswith(("//", "#")):
            self._wrong(f"{self._quoted(rest)} stands after a heading; put it on its own line")

    def _include(self, text: str, into: str | None) -> None:
        if self._folder is None:
            self._wrong("includes another file; send a text that stands alone")
            return
        match = _INCLUDE.fullmatch(text)
        if match is None:
            self._wrong(f"{_short(text)!r} is not an include; {_HOW_TO_INCLUDE}")
            return
        document = self._included(self._folder, match[1])
        if document is None:
            return
        wanted, keys = match[2], match[3]
        if wanted is None and into is None:
            for section in document.sections:
                self._add(section.name or self._current, section.entries, section.origin)
            return
        name = (wanted or into or "").strip(BLANK)
        found = document.section(name)
        if keys:
            self._add(into or self._current, self._matching(found, keys, match[1], name))
        elif found is None:
            self._wrong(f"{match[1]} has no section [{name}]; name one that it has")
        else:
            self._add(into or found.name, found.entries, found.origin)

    def _matching(
        self, found: Section | None, keys: str, file: str, section: str
    ) -> tuple[Entry, ...]:
        pattern, equals, default = (part.strip(BLANK) for part in keys.partition("="))
        entries = found.entries if found else ()
        chosen = tuple(e for e in entries if fnmatchcase(fold(e.key), fold(pattern)))
        if not chosen and equals:
            return (Entry(pattern, default, self._here),)
        if not chosen:
            self._wrong(f"{file} has no {pattern} in [{section}]; {pattern}=value gives a default")
        return chosen

    def _included(self, folder: Path, name: str) -> Document | None:
        path = folder / name
        if not isfile(path):
            self._wrong(
                f"includes {path}, which is not there; files are found relative to {folder}"
            )
            return None
        if path.resolve() in self._stack:
            chain = " > ".join(p.name for p in (*self._stack, path))
            self._wrong(f"includes itself ({chain}); break the circle")
            return None
        before = len(self._problems)
        document = _read_file(path, self._stack, self._problems)
        self._files += document.files
        return document if len(self._problems) == before else None

    def _add(
        self, name: str, entries: list[Entry] | tuple[Entry, ...], origin: Origin | None = None
    ) -> None:
        first: _Open = (name, origin or self._here, [])
        self._sections.setdefault(fold(name), first)[2].extend(entries)

    def _quoted(self, text: str) -> str:
        return "this" if self._folder is None else repr(_short(text))

    def _wrong(self, what: str) -> None:
        self._problems.append(f"{self._here}: {what}")


def _short(text: str) -> str:
    name, equals, _ = text.partition("=")  # what follows may be a secret
    shown = f"{name}=..." if equals else text
    return shown if len(shown) <= 60 else shown[:57] + "..."
