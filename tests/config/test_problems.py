from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config import ConfigError, Loaded, load
from connector.config.load import setting_keys
from connector.config.settings import SECTIONS

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("Server.Port", "70000", "expected a whole number, at least 0, at most 65535"),
        ("Server.Port", "seventy", "expected a whole number, at least 0, at most 65535"),
        (
            "Server.Host",
            "http://here/",
            "expected an address or a name of this machine, such as 127.0.0.1",
        ),
        ("Server.MaxBodySize", "16 MB", "expected a size in bytes (KiB, MiB or GiB may follow"),
        ("Worker.LeaseSeconds", "1", "expected a number of seconds, at least 2, at most 3600"),
        ("Webex.TimeoutSeconds", "0", "expected a number of seconds, more than 0, at most 600"),
        ("Webex.BaseURL", "webexapis.com", "expected an address such as https://webexapis.com/v1"),
        ("Webex.BaseURL", "http://[", "expected an address such as https://webexapis.com/v1"),
        ("Webex.BaseURL", "http://h:99999", "expected an address such as https://webexapis.com/"),
        ("Logging.LogFormat", "xml", "expected one of console, json"),
        ("Database.Schema", "public", "expected a name of small letters, digits and _, at most 63"),
        ("FetchTasks.MessageMinDate", "soon", "expected a day as 2024-12-31 or 2024/12/31"),
        ("FetchTasks.DownloadFiles", "maybe", "expected true or false"),
        ("FetchTasks.RoomIds", '"a', 'a quote (") is not closed; put one at each end of the item'),
        ("Paths.DataDirectory", "~nobody-of-that-name/x", "expected a folder of a user who exists"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    problems: Problems, flag: str, value: str, told: str
) -> None:
    section, _, key = flag.partition(".")
    (problem,) = problems(flags={flag: value})
    assert problem.startswith(f'[{section}] {key} (flag {flag}) is "{value}": {told}')


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("Database.URL", "mysql://u:s3cr3t@h/d", "expected sqlite:///folder/file.db, postgresql"),
        ("Database.URL", "sqlite://", "expected a file, as in sqlite:////var/lib"),
        ("Database.URL", "sqlite:///:memory:", "expected a file, as in sqlite:////var/lib"),
        ("Webex.AccessToken", "Bearer s3cr3t", "expected the token alone: letters, digits"),
        ("Webex.AccessToken", "s3cr3t\nX-Header: 1", "expected the token alone: letters, digits"),
    ],
)
def test_a_wrong_secret_is_not_shown(problems: Problems, flag: str, value: str, told: str) -> None:
    (problem,) = problems(flags={flag: value})
    assert f"(flag {flag}) is ***: {told}" in problem
    assert "s3cr3t" not in problem


def test_all_problems_are_told_at_once_each_with_its_place(problems: Problems) -> None:
    found = problems(
        "[Server]\nPort=x\nHost=a b\n[Actions]\nMaxAttempts=0\n",
        {"CONNECTOR_WEBEX_PAGESIZE": "0"},
        {"Worker.LeaseSeconds": "-1", "Port": "1"},
        ("Fetch", "Report"),
    )
    assert [p.partition(" is ")[0].partition(": expected")[0] for p in found] == [
        "flag Port",
        "[Server] Port (webex-connector.cfg:2)",
        "[Server] Host (webex-connector.cfg:3)",
        "[Actions] MaxAttempts (webex-connector.cfg:5)",
        "[Worker] LeaseSeconds (flag Worker.LeaseSeconds)",
        "[Webex] PageSize (environment CONNECTOR_WEBEX_PAGESIZE)",
    ]


def test_a_comment_behind_a_value_is_explained(problems: Problems) -> None:
    (problem,) = problems("[Server]\nPort=7023 // for actions\n")
    assert problem.endswith("at most 65535; a comment needs a line of its own")


def test_a_long_value_is_cut(problems: Problems) -> None:
    (problem,) = problems(flags={"Server.Port": "9" * 1000})
    assert len(problem) < 250


@pytest.mark.parametrize("value", ["a\udcff", "a\0"])
def test_bytes_that_are_no_text_are_refused(problems: Problems, value: str) -> None:
    (problem,) = problems("", {"CONNECTOR_PATHS_DATADIRECTORY": value})
    assert problem.endswith(' is "a?": expected UTF-8 text without NUL')


FLAGS = [f"{name}.{key}" for name, model in SECTIONS.items() for key in setting_keys(model)]


@given(st.dictionaries(st.sampled_from(FLAGS) | st.text(), st.text(), max_size=5))
def test_any_flags_load_or_are_refused_in_words(flags: dict[str, str]) -> None:
    try:
        result = load(Path("/dev/null"), {}, flags)
    except ConfigError as error:
        assert error.problems
    else:
        assert result.settings.server.max_body_size >= 1024


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Webex]\nBaseURL=https://u:s3cr3t@h/v1", 'is "https://***@h/v1": expected no user'),
        ("[Webex]\nBaseURL=https://s3cr3t@h/v1", 'is "https://***@h/v1": expected no user'),
        ("[Webex]\nBaseURL=https://h/v1?key=s3cr3t#s3cr3t", 'is "https://h/v1?key=***#***"'),
        ("[Webex]\nBaseURL=u:s3cr3t@h/v1", 'is "***@h/v1": expected an address'),
        ("[Webex]\nBaseURL=ftp://u:s3/cr?3t@h/v1", 'is "ftp://***@h/v1": expected an address'),
        ("[Fetch]\nOnStart=H\n[H]\nURL=http://huser:s3cr3t@h/", 'is "http://***@h/": expected no'),
        ("[Fetch]\nOnStart=http://u:s3cr3t@h/", 'is "http://***@h/": expected the name of'),
        ("[FetchTasks]\n0=http://u:s3cr3t@h/", 'is "http://***@h/": expected the name of'),
        ("[AuthorizationRoles]\n0=http://u:s3cr3t@h/", 'is "http://***@h/": expected the name'),
        ("[Service]\nAccess-Control-Allow-Origin=https://u:s3cr3t@h/x", '"https://***@h/x"'),
        ("[Webex] AccessToken=s3cr3t", "'AccessToken=...' stands after a heading"),
        ("[Webex\n[AccessToken=s3cr3t", "'[AccessToken=...' is not a section heading"),
    ],
)
def test_no_problem_shows_a_password_that_stands_in_a_value(
    problems: Problems, text: str, told: str
) -> None:
    said = "\n".join(problems(text))
    assert told in said and "s3" not in said
