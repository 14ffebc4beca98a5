"""Names of files, and bodies handed on once."""

from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given, strategies

from connector.webex import BadReply, FileInfo
from connector.webex.files import Delivery, file_info, file_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=plain.pdf", "plain.pdf"),
        ("attachment;FILENAME = x.pdf ; size=3", "x.pdf"),
        ("attachment; filename=\"old.txt\"; filename*=UTF-8''%e2%82%ac%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=utf-8'de'%C3%BCber.txt; filename=uber.txt", "über.txt"),
        ("attachment; filename*=iso-8859-1''%A3.txt", "£.txt"),
        ("attachment; filename*=UTF-8''%FF.txt; filename=good.txt", "good.txt"),
        ("attachment; filename*=koi8-r''%C1; filename=good.txt", "good.txt"),
        (r'attachment; filename="say \"hi\"; now.txt"', 'say "hi"; now.txt'),
        ('attachment; filename="日本.txt"', "日本.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename*=UTF-8''..%2F..%5Ca%00b.txt", "ab.txt"),
        ('attachment; filename=".."', "file"),
        ('filename="no-type.txt"', "no-type.txt"),
        ('attachment; filename="open', "open"),
        ("attachment", "file"),
        ("", "file"),
    ],
)
def test_the_name_is_read_from_content_disposition(header: str, name: str) -> None:
    assert file_name(header) == name


@given(strategies.text())
def test_any_header_gives_a_name_that_is_a_file_and_nothing_else(header: str) -> None:
    name = file_name(header)
    assert name and name not in (".", "..")
    assert not set(name) & set("/\\\0\r\n")


@given(strategies.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_name_comes_through_its_extended_form(name: str) -> None:
    if "/" in name or "\\" in name or name.strip() in ("", ".", ".."):
        return
    assert file_name(f"attachment; filename*=UTF-8''{quote(name, safe='')}") == name.strip()


def test_headers_tell_type_and_size() -> None:
    headers = httpx2.Headers({"content-type": "text/plain", "content-length": "12"})
    assert file_info(headers) == FileInfo("file", "text/plain", 12)


@pytest.mark.parametrize("more", [{}, {"content-length": "-1"}, {"content-length": "x"}])
def test_a_size_not_told_is_none(more: dict[str, str]) -> None:
    assert file_info(httpx2.Headers(more)).size is None


def test_the_length_of_a_packed_body_is_not_the_size() -> None:
    headers = httpx2.Headers({"content-length": "9", "content-encoding": "gzip"})
    assert file_info(headers).size is None


chunks = strategies.lists(strategies.binary(max_size=5))


@given(strategies.binary(), strategies.lists(strategies.tuples(strategies.integers(0, 60), chunks)))
def test_each_byte_is_handed_on_once_however_often_the_body_breaks(
    body: bytes, breaks: list[tuple[int, list[bytes]]]
) -> None:
    taken = bytearray()
    delivery = Delivery(taken.extend)
    for length, sizes in breaks:
        position = 0
        for size in [*map(len, sizes), length]:
            delivery.take(body[position : position + size])
            position += len(body[position : position + size])
        delivery.restart()
    delivery.take(body)
    delivery.finish(len(body))
    assert bytes(taken) == body


def test_another_content_when_asked_again_is_refused() -> None:
    taken = bytearray()
    delivery = Delivery(taken.extend)
    delivery.take(b"abc")
    delivery.restart()
    with pytest.raises(BadReply, match="another content"):
        delivery.take(b"abXdef")
    assert taken == b"abc"


@pytest.mark.parametrize("again", [b"", b"ab"])
def test_a_body_that_is_shorter_the_second_time_is_refused(again: bytes) -> None:
    delivery = Delivery(bytearray().extend)
    delivery.take(b"abc")
    delivery.restart()
    delivery.take(again)
    with pytest.raises(BadReply, match="of a file that has 3"):
        delivery.finish(None)


@pytest.mark.parametrize("size", [2, 4])
def test_a_body_of_another_length_than_told_is_refused(size: int) -> None:
    delivery = Delivery(bytearray().extend)
    delivery.take(b"abc")
    with pytest.raises(BadReply, match="3 bytes"):
        delivery.finish(size)
