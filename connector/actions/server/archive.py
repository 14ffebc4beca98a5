"""The file of a backup: a zip with one file of JSON lines for each table, and a manifest."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from connector.db.copying import Row

FORMAT = 1
MANIFEST = "manifest.json"
CONFIGURATION = "configuration.cfg"
CHUNK = 1 << 20

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),
)
"""What `zipfile` raises for an archive that is not as it was written."""


class Damaged(Exception):
    """The file is no backup, or not as it was written."""


@dataclass(frozen=True, slots=True)
class Content:
    """What one file of the archive holds: lines, and the SHA-256 of its bytes, hexadecimal."""

    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What was backed up: when, by whom, of which deployment, with which tables."""

    product: str
    program: str
    schema_version: int
    environment: str | None
    made_at: str
    made_by: str
    config_hash: str
    format: int = FORMAT


class Writer:
    """Writes an archive. `told` is called with the number of lines written since the last call."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None] = lambda lines: None) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._told = told
        self._contents: dict[str, Content] = {}

    def table(self, name: str, rows: Iterable[Row]) -> None:
        """Write the rows of a table."""
        self._write(f"{name}.jsonl", (f"{json.dumps(dict(row))}\n".encode() for row in rows))

    def configuration(self, text: str) -> None:
        """Write the configuration, for people."""
        self._write(CONFIGURATION, (f"{line}\n".encode() for line in text.splitlines()))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def manifest(self, origin: Origin) -> None:
        """Write the manifest, the last of all, without which the archive is none."""
        contents = {name: asdict(content) for name, content in self._contents.items()}
        manifest = {**asdict(origin), "contents": contents}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=1))

    def _write(self, name: str, lines: Iterable[bytes]) -> None:
        digest, number = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as file:
            for line in lines:
                digest.update(line)
                file.write(line)
                number += 1
                self._told(1)
        self._contents[name] = Content(number, digest.hexdigest())


class Archive:
    """An archive to read. Raises Damaged, here and in what it does."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            manifest = json.loads(self._zip.read(MANIFEST))
            contents: Mapping[str, Mapping[str, Any]] = manifest.pop("contents")
            self.contents = {name: Content(**each) for name, each in contents.items()}
            if manifest.get("format") != FORMAT:
                raise ValueError(f"of format {manifest.get('format')}, not {FORMAT}")
            self.origin = Origin(**manifest)
        except (*DAMAGE, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"the file is no backup that can be read: {_why(error)}") from error

    def verify(self, told: Callable[[int], None] = lambda lines: None) -> None:
        """Read all of it and compare with the manifest; `told` as in `Writer`."""
        for name, content in self.contents.items():
            digest, lines = hashlib.sha256(), 0
            with self._open(name) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    lines += chunk.count(b"\n")
                    told(chunk.count(b"\n"))
            if (lines, digest.hexdigest()) != (content.lines, content.sha256):
                raise Damaged(f"{name} in the backup is not what its manifest says")

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table as they were written."""
        with self._open(f"{table}.jsonl") as file:
            for line in io.BufferedReader(file, CHUNK):
                yield json.loads(line)

    def configuration(self) -> str:
        """Return the configuration."""
        with self._open(CONFIGURATION) as file:
            return file.read().decode()

    def _open(self, name: str) -> "_File":
        try:
            return _File(self._zip.open(name))
        except (*DAMAGE, KeyError) as error:
            raise Damaged(f"{name} is not in the backup, or damaged: {_why(error)}") from error


class _File(io.RawIOBase):
    """A file of the archive, whose damage is told as ours."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found: int = self._inner.readinto(buffer)
            return found
        except DAMAGE as error:
            raise Damaged(f"{self._inner.name} in the backup is damaged: {_why(error)}") from error

    def close(self) -> None:
        self._inner.close()
        super().close()


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
