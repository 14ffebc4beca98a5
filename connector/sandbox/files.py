"""Files of five types, each readable by the programs of its type, of a chosen size."""

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from connector.sandbox.words import FILE_STEMS, SENTENCES


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is downloaded: its name, its media type, its bytes."""

    name: str
    media_type: str
    data: bytes


def make_file(turn: int, label: str, size: int) -> File:
    """A file whose type and name take turns, and whose content and name follow from a label.

    It has exactly ``size`` bytes, or the fewest its type needs if that is more.
    """
    extension, media_type, fill = _TYPES[turn % len(_TYPES)]
    stem = FILE_STEMS[turn % len(FILE_STEMS)]
    return File(f"{stem} {label}.{extension}", media_type, fill(label, size))


def _png(label: str, size: int) -> bytes:
    noise = Random(label)
    side = 16
    rows = b"".join(b"\x00" + noise.randbytes(3 * side) for _ in range(side))
    header = side.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    tail = _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    missing = size - len(head) - len(tail) - 12
    # A private chunk, which readers skip, brings it to its size.
    return head + (_chunk(b"saNd", noise.randbytes(missing)) if missing >= 0 else b"") + tail


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + check.to_bytes(4, "big")


def _pdf(label: str, size: int) -> bytes:
    drawing = b"BT /F1 24 Tf 72 720 Td (Document %b) Tj ET" % label.encode()
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n")
    table = bytearray(b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1))
    for position, body in enumerate(bodies, 1):
        table += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (position, body)
    table += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n" % (len(bodies) + 1)
    end = b"\n%%EOF\n"
    missing = size - len(out) - len(table) - 10 - len(end)
    if missing >= 2:
        out += b"%" + b"." * (missing - 2) + b"\n"
    # Ten digits always, so that the length does not depend on the number.
    return bytes(out + table + b"%010d" % len(out) + end)


def _text(label: str, size: int) -> bytes:
    order = Random(label)
    block = "\n".join(order.sample(SENTENCES, len(SENTENCES))) + "\n"
    return _fit(block * (size // len(block.encode()) + 1), size)


def _fit(text: str, size: int) -> bytes:
    whole = text.encode()[:size].decode(errors="ignore").encode()  # cuts between characters
    return whole + b"." * (size - len(whole))


def _csv(label: str, size: int) -> bytes:
    noise = Random(label)
    rows = ["number,name,amount\r\n"]
    free = size - len(rows[0])
    names = ("Müller", "Орлова", "田中", "Παππά", '"Núñez, José"')
    wide = [len(name.encode()) - len(name) for name in names]
    while True:
        turn = len(rows) % len(names)
        row = f"{len(rows)},{names[turn]},{int(noise.random() * 10_000)}\r\n"
        length = len(row) + wide[turn]
        if free < 2 * length:
            break
        rows.append(row)
        free -= length
    # The decimals of the last amount bring it to its size.
    last = f"{len(rows)},total,0.".ljust(max(0, free - 2), "0")
    return _fit("".join(rows) + last, max(0, size - 2)) + b"\r\n"


def _zip(label: str, size: int) -> bytes:
    entry = zipfile.ZipInfo("notes.txt", date_time=(2026, 10, 1, 0, 0, 0))
    overhead = 30 + 46 + 22 + 2 * len(entry.filename)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, _text(label, max(0, size - overhead)))
    return out.getvalue()


_TYPES: tuple[tuple[str, str, Callable[[str, int], bytes]], ...] = (
    ("png", "image/png", _png),
    ("pdf", "application/pdf", _pdf),
    ("txt", "text/plain", _text),
    ("csv", "text/csv", _csv),
    ("zip", "application/zip", _zip),
)
