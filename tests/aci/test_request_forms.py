"""Properties of the parser over open-ended input."""

from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.aci.decoding import target_pairs
from connector.aci.errors import BadRequest
from connector.aci.request import Limits, Request, parse

Pairs = list[tuple[str, str]]

_WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
# A part's name stands in a quoted header, which has no room for these.
_NAMES = st.text(
    st.characters(exclude_characters='"\\', exclude_categories=("Cc", "Cs")), min_size=1
).filter(lambda name: name.casefold() not in ("action", "a"))
_PAIRS = st.lists(st.tuples(_NAMES, _WORDS), max_size=5, unique_by=lambda pair: pair[0].casefold())


def _path(pairs: Pairs) -> Request:
    path = "/action=Fetch" + "".join(f"&{quote(n, '')}={quote(v, '')}" for n, v in pairs)
    return parse("GET", path.encode(), b"", None, b"", Limits())


def _query(pairs: Pairs) -> Request:
    return parse("GET", b"/", urlencode([("A", "Fetch"), *pairs]).encode(), None, b"", Limits())


def _body(pairs: Pairs) -> Request:
    body = urlencode([*pairs, ("Action", "Fetch")]).encode()
    return parse("POST", b"/", b"", "text/plain; charset=ISO-8859-1", body, Limits())


def _lines(pairs: Pairs) -> Request:
    lines = [f"{quote(n, '')}={quote(v, '')}\r\n" for n, v in [("action", "Fetch"), *pairs]]
    return parse("POST", b"/", b"", None, "".join(lines).encode(), Limits())


def _split(pairs: Pairs) -> Request:
    half = len(pairs) // 2
    query = urlencode([("action", "Fetch"), *pairs[:half]]).encode()
    return parse("POST", b"/", query, None, urlencode(pairs[half:]).encode(), Limits())


def _multipart(pairs: Pairs) -> Request:
    boundary = "5a6b7c8d9e0f5a6b7c8d9e0f5a6b7c8d9e0f"
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
        for n, v in pairs
    )
    content_type = f'Multipart/Form-Data; boundary="{boundary}"'
    whole = f"{body}--{boundary}--\r\n".encode()
    if not pairs:
        whole = b""
    return parse("POST", b"/", b"action=Fetch", content_type, whole, Limits())


@pytest.mark.parametrize("form", [_path, _query, _body, _lines, _split, _multipart])
@given(pairs=_PAIRS)
def test_parameters_survive_every_form_of_request(
    form: Callable[[Pairs], Request], pairs: Pairs
) -> None:
    request = form(pairs)
    assert request.action == "Fetch"
    assert list(request.parameters.items()) == pairs
    assert all(request.parameters[name.upper()] == value for name, value in pairs if name.isascii())


_FRAGMENTS = st.lists(
    st.sampled_from(
        [
            b"--B",
            b"--",
            b"\r\n",
            b"\n",
            b"Content-Disposition: form-data",
            b'; name="v"',
            b"; name*=utf-8''v",
            b'; filename="\xff"',
            b"Content-Type: text/plain",
            b"Content-Transfer-Encoding: base64",
            b": ",
            b"x\0",
        ]
    ),
    max_size=20,
).map(b"".join)
_BYTES = st.binary() | st.text("action=X&%+0\r\n?/\0é").map(str.encode)


@given(
    method=st.sampled_from(["GET", "POST", "X"]),
    path=_BYTES,
    query=_BYTES,
    content_type=st.none() | st.text() | st.just("multipart/form-data; boundary=B"),
    body=_BYTES | _FRAGMENTS | _FRAGMENTS.map(lambda body: b"--B\r\n" + body + b"\r\n--B--"),
)
@example("POST", b"/a=X", b"", "multipart/form-data; boundary=€", b"--")
@example("POST", b"/a=X", b"", f"multipart/form-data; boundary={'B' * 300}", b"--B")
def test_whatever_the_bytes_they_are_a_request_or_a_bad_request(
    method: str, path: bytes, query: bytes, content_type: str | None, body: bytes
) -> None:
    try:
        request = parse(method, path, query, content_type, body, Limits())
    except BadRequest as error:
        assert error.description
        return
    assert request.action
    texts = [request.action, *request.parameters, *request.parameters.values()]
    assert "\0" not in "".join(texts).encode().decode()


@given(st.text("=%4aF+\r\nx_").map(str.encode))
def test_escapes_mean_what_the_standard_library_says(data: bytes) -> None:
    try:
        pairs = list(target_pairs(b"v=" + data, plus_is_space=False))
    except BadRequest:
        return
    assert pairs == [("v", unquote_to_bytes(data).decode())]
