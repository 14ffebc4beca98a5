import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.errors import IniError
from connector.config.include import parse
from connector.config.ini import Document, Entry, Origin, Section, fold, render

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
TEXT = st.text(CHARACTERS, max_size=20).map(lambda text: text.strip(" \t"))
NAMES = TEXT.filter(lambda text: text and "]" not in text)
KEYS = TEXT.filter(
    lambda text: text and "=" not in text and text[0] not in "[<#" and text[:2] != "//"
)
SECTIONS = st.builds(Section, NAMES, st.lists(st.builds(Entry, KEYS, TEXT), max_size=5).map(tuple))
DOCUMENTS = st.lists(SECTIONS, max_size=4, unique_by=lambda section: fold(section.name)).map(
    lambda sections: Document(tuple(sections))
)


@given(DOCUMENTS)
def test_what_is_written_reads_back_the_same(document: Document) -> None:
    assert parse(render(document)) == document


@given(st.text())
def test_any_text_is_read_or_refused_by_line(text: str) -> None:
    try:
        assert isinstance(parse(text), Document)
    except IniError as error:
        assert all(problem.startswith("text:") for problem in error.problems)


def value(text: str) -> str:
    section = parse(f"[S]\nKey={text}\n").section("S")
    assert section is not None
    return section.values("Key")[-1]


@pytest.mark.parametrize(
    "text",
    [
        "http://host/path",
        "a // b",
        "100%",
        "%(x)s",
        "${x}",
        "a=b=c",
        "C:\\folder",
        '"q"',
        "[x]",
        "",
    ],
)
def test_a_value_is_taken_as_it_stands(text: str) -> None:
    assert value(text) == text


def test_blanks_around_key_and_value_are_dropped() -> None:
    assert parse("[S]\n\t Key \t=  a b \t").sections[0].entries == (Entry("Key", "a b"),)


@pytest.mark.parametrize("line", ["// Key=1", "  //Key=1", "# Key=1", "", "   "])
def test_comments_and_empty_lines_mean_nothing(line: str) -> None:
    assert parse(f"[S]\n{line}\nOther=2\n") == Document((Section("S", (Entry("Other", "2"),)),))


def test_a_heading_may_have_a_comment_after_it() -> None:
    assert parse("[S] // for us").sections[0].name == "S"


def test_repeated_keys_keep_their_order_in_any_case() -> None:
    section = parse("[S]\nKey=1\nOther=x\nKEY=2\n").section("s")
    assert section is not None
    assert section.values("key") == ("1", "2")


def test_a_section_opened_again_goes_on() -> None:
    document = parse("[S]\nA=1\n[T]\nB=2\n[s]\nC=3\n")
    assert [s.name for s in document.sections] == ["S", "T"]
    assert [e.key for e in document.sections[0].entries] == ["A", "C"]


def test_carriage_returns_at_line_ends_are_tolerated() -> None:
    assert parse("[S]\r\nKey=1\r\n") == parse("[S]\nKey=1\n")


def test_entries_know_their_line() -> None:
    assert parse("[S]\n\nKey=1\n", "a.cfg").sections[0].entries[0].origin == Origin("a.cfg", 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Key=1", "text:1: 'Key' stands before any section; put [Section] above it"),
        ("[S]\nKey", "text:2: has no '='; write Key=Value, or begin a comment with //"),
        ("[S]\n=1", "text:2: has nothing before the '='; write Key=Value"),
        ("[S", "text:1: '[S' is not a section heading; write [Section]"),
        ("[ ]", "text:1: '[ ]' is not a section heading; write [Section]"),
        ("[S] Key=1", "text:1: 'Key=...' stands after a heading; put it on its own line"),
        ("[S]\nKey=\0", "text:2: has a NUL byte; remove it, or save the file as UTF-8 text"),
    ],
)
def test_a_bad_line_is_named_with_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(IniError) as error:
        parse(text)
    assert error.value.problems == (told,)


def test_all_bad_lines_are_named_at_once() -> None:
    with pytest.raises(IniError) as error:
        parse("[S]\none\ntwo\n")
    assert [p[:7] for p in error.value.problems] == ["text:2:", "text:3:"]


def test_a_line_without_equals_is_not_shown_for_it_may_be_a_secret() -> None:
    with pytest.raises(IniError) as error:
        parse("[Webex]\nAccessToken s3cr3t\n")
    assert "s3cr3t" not in str(error.value)


@pytest.mark.parametrize(
    "section",
    [
        Section("a]b"),
        Section(""),
        Section("S", (Entry("k", "two\nlines"),)),
        Section("S", (Entry("//k", "v"),)),
        Section("S", (Entry("a=b", "v"),)),
        Section("S", (Entry("k", " v"),)),
    ],
)
def test_what_cannot_be_read_back_is_not_written(section: Section) -> None:
    with pytest.raises(IniError):
        render(Document((section,)))
