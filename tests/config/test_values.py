import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from connector.config.addresses import is_loopback, shown_url
from connector.config.values import Boolean, Day, Seconds, Size, Strings, Whole, split_list


@pytest.mark.parametrize("word", ["true", "TRUE", "on", "Yes", "y", "1", " true "])
def test_idol_spellings_of_true(word: str) -> None:
    assert TypeAdapter(Boolean).validate_python(word) is True


@pytest.mark.parametrize("word", ["false", "OFF", "No", "n", "0"])
def test_idol_spellings_of_false(word: str) -> None:
    assert TypeAdapter(Boolean).validate_python(word) is False


@pytest.mark.parametrize(
    ("text", "size"),
    [("17", 17), ("17 B", 17), ("2KiB", 2048), ("16 mib", 1 << 24), ("1GiB", 1 << 30)],
)
def test_sizes_may_have_a_unit(text: str, size: int) -> None:
    assert TypeAdapter(Size).validate_python(text) == size


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TypeAdapter(Boolean), "maybe"),
        (TypeAdapter(Size), "16 MB"),
        (TypeAdapter(Size), "-1 KiB"),
        (TypeAdapter(Size), "9" * 5000),
        (TypeAdapter(Whole), "1_000"),
        (TypeAdapter(Whole), "1.5"),
        (TypeAdapter(Whole), "٣"),
        (TypeAdapter(Seconds), "nan"),
        (TypeAdapter(Seconds), "inf"),
        (TypeAdapter(Seconds), "1e3"),
        (TypeAdapter(Day), "2024-02-30"),
        (TypeAdapter(Day), "yesterday"),
        (TypeAdapter(Strings), '"open'),
    ],
)
def test_what_is_no_value_of_its_type_is_refused(kind: TypeAdapter[object], text: str) -> None:
    with pytest.raises(ValidationError):
        kind.validate_python(text)


@pytest.mark.parametrize("text", ["2024-01-31", "2024/01/31", " 2024-01-31 "])
def test_days_take_dashes_and_slashes(text: str) -> None:
    assert str(TypeAdapter(Day).validate_python(text)) == "2024-01-31"


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b , c", ["a", "b", "c"]),
        ("", []),
        ("a,,b,", ["a", "b"]),
        ('cat,"wing,beak",dog', ["cat", "wing,beak", "dog"]),
        ("cat,wing\\,beak", ["cat", "wing,beak"]),
        ('"<a b=\\"c\\">","<p>"', ['<a b="c">', "<p>"]),
        ("C:\\dir", ["C:\\dir"]),
    ],
)
def test_lists_are_split_as_idol_does(text: str, items: list[str]) -> None:
    assert split_list(text) == items


ITEMS = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip).filter(bool)


@given(st.lists(ITEMS))
def test_any_items_can_be_quoted_into_a_list(items: list[str]) -> None:
    quoted = ['"' + i.replace("\\", "\\\\").replace('"', '\\"') + '"' for i in items]
    assert split_list(",".join(quoted)) == items


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"]
)
def test_loopback_hosts_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "", "localhost.evil"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/c.db", "sqlite:////var/lib/c.db"),
        ("postgresql://u:pw@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql+psycopg://u@h1,h2/d", "postgresql+psycopg://u@h1,h2/d"),
        ("postgresql:///d?user=u&password=pw", "postgresql:///d"),
        ("postgresql://u:p@w@h/d", "postgresql://u:***@h/d"),
        ("u:pw@h", "***"),
    ],
)
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@given(st.text(min_size=1), st.sampled_from(["", "?sslmode=require", "?options=a@b"]))
def test_no_password_however_badly_escaped_is_shown(password: str, query: str) -> None:
    secret = f"{password}s3cr3t{password}"
    assert "s3cr3t" not in shown_url(f"postgresql://user:{secret}@host/db{query}")
