from collections.abc import Callable
from pathlib import Path

import pytest

from connector.config.errors import IniError
from connector.config.include import read
from connector.config.ini import Document

Files = Callable[[dict[str, str | bytes]], Document]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    def do(contents: dict[str, str | bytes]) -> Document:
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(tmp_path / next(iter(contents)))

    return do


def flat(document: Document) -> list[str]:
    return [f"{s.name}.{e.key}={e.value}" for s in document.sections for e in s.entries]


SHARED = "[S]\nA=1\nB=2\n[Other]\nA=3\nAbc=4\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('< "x.cfg"', ["S.A=1", "S.B=2", "Other.A=3", "Other.Abc=4"]),
        ('< "x.cfg" [other]', ["Other.A=3", "Other.Abc=4"]),
        ('[M] < "x.cfg" [Other]\nZ=0', ["M.A=3", "M.Abc=4", "M.Z=0"]),
        ('[s]<"x.cfg"', ["s.A=1", "s.B=2"]),
        ('[M]\n< "x.cfg" [Other] abc', ["M.Abc=4"]),
        ('[M]\n< "x.cfg" [Other] A*', ["M.A=3", "M.Abc=4"]),
        ('[M]\n< "x.cfg" [Other] None = 7', ["M.None=7"]),
        ('[M]\n< "x.cfg" [Missing] Key=7', ["M.Key=7"]),
        ('[M] < "x.cfg" [S] B', ["M.B=2"]),
        ('[M]\nY=1\n< "x.cfg" [S]\nZ=2', ["M.Y=1", "M.Z=2", "S.A=1", "S.B=2"]),
    ],
)
def test_each_form_of_include_brings_what_it_says(
    files: Files, text: str, lines: list[str]
) -> None:
    assert flat(files({"main.cfg": text, "x.cfg": SHARED})) == lines


def test_keys_of_a_file_without_headings_go_to_the_open_section(files: Files) -> None:
    assert flat(files({"main.cfg": '[S]\n< "x.cfg"', "x.cfg": "A=1"})) == ["S.A=1"]


def test_such_a_file_alone_is_refused_where_no_section_is_open(files: Files) -> None:
    with pytest.raises(IniError, match=r"x\.cfg:1: 'A' stands before any section"):
        files({"main.cfg": '< "x.cfg"', "x.cfg": "A=1"})


def test_files_are_found_relative_to_the_one_that_names_them(files: Files) -> None:
    document = files({"main.cfg": '< "d/x.cfg"', "d/x.cfg": '< "y.cfg"', "d/y.cfg": "[S]\nA=1"})
    assert flat(document) == ["S.A=1"]
    assert [Path(name).name for name in document.files] == ["main.cfg", "x.cfg", "y.cfg"]
    assert document.sections[0].entries[0].origin.file.endswith("d/y.cfg")


def test_one_file_may_be_included_twice(files: Files) -> None:
    text = '[M] < "x.cfg" [S]\n[N] < "x.cfg" [S]'
    assert flat(files({"main.cfg": text, "x.cfg": SHARED})) == ["M.A=1", "M.B=2", "N.A=1", "N.B=2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('< "no.cfg"', "main.cfg:1: includes .*no.cfg, which is not there; files are found"),
        ('\n[M] < "x.cfg" [No]', r"main.cfg:2: x.cfg has no section \[No\]; name one that it has"),
        ('[M]\n< "x.cfg" [S] No', r"main.cfg:2: x.cfg has no No in \[S\]; No=value gives a defaul"),
        ("< x.cfg", "main.cfg:1: '< x.cfg' is not an include; write < \"file\""),
        ('[M] < "main.cfg" [N]', r"main.cfg:1: includes itself \(main.cfg > main.cfg\); break the"),
        ('< "y.cfg"', r"y.cfg:1: includes itself \(main.cfg > y.cfg > main.cfg\)"),
        ('< "latin.cfg"', "latin.cfg:2: is not UTF-8; save the file as UTF-8"),
        ('< "d"', "main.cfg:1: includes .*d, which is not there"),
    ],
)
def test_an_include_that_fails_is_named_with_its_line(files: Files, text: str, told: str) -> None:
    with pytest.raises(IniError, match=told):
        files(
            {
                "main.cfg": text,
                "x.cfg": SHARED,
                "y.cfg": '< "main.cfg"',
                "latin.cfg": b"[S]\nA=\xe9\n",
                "d/z.cfg": "",
            }
        )


def test_a_byte_order_mark_is_tolerated(files: Files) -> None:
    assert flat(files({"main.cfg": b"\xef\xbb\xbf[S]\r\nA=\xc3\xa9\r\n"})) == ["S.A=é"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IniError, match=r"no\.cfg: cannot be read: No such file"):
        read(tmp_path / "no.cfg")
