from collections.abc import Callable

import pytest

from connector.aci.errors import BadRequest
from connector.aci.multipart import Part
from connector.aci.request import Limits, Request

Ask = Callable[..., Request]

TYPE = "multipart/form-data; boundary=B; charset=UTF-8"


def body(*parts: bytes) -> bytes:
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


def test_the_java_clients_streams_and_texts_are_told_apart(ask: Ask) -> None:
    request = ask(
        b"/?Action=Ingest",
        body(
            b'Content-Disposition: form-data; name="Title"\r\n'
            b"Content-Type: text/plain; charset=UTF-8\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbcber + 100%",
            b'Content-Disposition: form-data; name="Data"\r\n'
            b"Content-Type: application/octet-stream\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\n\0\r\n--\xff",
        ),
        TYPE,
    )
    assert dict(request.parameters) == {"Title": "über + 100%"}
    assert request.files == (Part("Data", None, "application/octet-stream", b"\0\r\n--\xff"),)


def test_a_part_with_a_file_name_and_no_type_is_a_file(ask: Ask) -> None:
    part = b'Content-Disposition: form-data; name="Image"; filename="a 1.jpg"\r\n\r\nJPG'
    request = ask(b"/action=X&database=LFW", body(part), TYPE)
    assert request.files == (Part("Image", "a 1.jpg", None, b"JPG"),)
    assert dict(request.parameters) == {"database": "LFW"}


def test_the_action_may_be_a_part(ask: Ask) -> None:
    part = b'content-disposition: form-data; name="action"\r\n\r\nFetch'
    assert ask(b"/", body(part), TYPE).action == "Fetch"


@pytest.mark.parametrize(
    ("content_type", "sent", "words"),
    [
        ("multipart/form-data", b"--B--\r\n", "boundary"),
        ("multipart/form-data; boundary=", b"--B--\r\n", "boundary"),
        (f"multipart/form-data; boundary={'B' * 300}", b"--B--\r\n", "broken"),
        (TYPE, b"v=1", "broken"),
        (TYPE, b'--B\r\nContent-Disposition: form-data; name="v"\r\n\r\nva', "cut off"),
        (TYPE, b"--B\r\nbroken header\r\n\r\nx\r\n--B--", "broken"),
        (TYPE, body(b"Content-Type: text/plain\r\n\r\nx"), "no name"),
        (TYPE, body(b"Content-Disposition: form-data; name=\r\n\r\nx"), "no name"),
        (TYPE, body(b"Content-Disposition: form-data; name=v\r\n\r\n\xff"), "UTF-8"),
        (TYPE, body(b"Content-Disposition: form-data; name=v\r\n\r\n\0"), "NUL"),
        (
            TYPE,
            body(
                b"Content-Disposition: form-data; name=v\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\neA=="
            ),
            "Content-Transfer-Encoding",
        ),
    ],
)
def test_a_broken_multipart_body_is_explained_and_the_action_kept(
    ask: Ask, content_type: str, sent: bytes, words: str
) -> None:
    with pytest.raises(BadRequest, match=words) as caught:
        ask(b"/?action=Ingest", sent, content_type)
    assert caught.value.action == "Ingest"


def test_too_many_parts_are_refused(ask: Ask) -> None:
    part = b"Content-Disposition: form-data; name=v; filename=f\r\n\r\nx"
    with pytest.raises(BadRequest, match="More than 3"):
        ask(b"/?action=X", body(*[part] * 4), TYPE, limits=Limits(parameters=3))
    with pytest.raises(BadRequest, match="More than 3"):
        ask(b"/?action=X", body(*[part] * 3), TYPE, limits=Limits(parameters=3))
