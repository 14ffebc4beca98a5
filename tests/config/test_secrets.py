import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.config import Loaded, load, shown

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


@pytest.fixture
def token_file(folder: Path) -> Path:
    path = folder / "token"
    path.write_text("from-file\r\n")
    path.chmod(0o600)
    return path


def token(result: Loaded) -> str | None:
    secret = result.settings.webex.access_token
    return secret.get_secret_value() if secret else None


IN_FILE = "[Webex]\nAccessToken=in-cfg\n"


def test_a_secret_may_stand_in_a_file_of_its_own(loaded: Load, token_file: Path) -> None:
    result = loaded("[Webex]\nAccessTokenFile=token\n")
    assert token(result) == "from-file"
    assert result.sources == {"Webex.AccessToken": "webex-connector.cfg:2"}
    assert result.warnings == ()


def test_the_database_url_may_stand_in_a_file(loaded: Load, token_file: Path) -> None:
    token_file.write_text("postgresql://u:pw@h/d\n")
    settings = loaded("", {"CONNECTOR_DATABASE_URLFILE": str(token_file)}).settings
    assert settings.database.url.get_secret_value() == "postgresql://u:pw@h/d"


@pytest.mark.parametrize(
    ("text", "environ", "flags", "found"),
    [
        (IN_FILE, {"WEBEX_ACCESS_TOKEN": "native"}, {}, "native"),
        ("", {"WEBEX_ACCESS_TOKEN": "a", "CONNECTOR_WEBEX_ACCESSTOKEN": "b"}, {}, "b"),
        (
            "",
            {"WEBEX_ACCESS_TOKEN": "a", "CONNECTOR_WEBEX_ACCESSTOKENFILE": "token"},
            {},
            "from-file",
        ),
        (IN_FILE, {"WEBEX_ACCESS_TOKEN": ""}, {}, "in-cfg"),
        (IN_FILE, {}, {"Webex.AccessTokenFile": "token"}, "from-file"),
        ("[Webex]\nAccessTokenFile=no\n", {"CONNECTOR_WEBEX_ACCESSTOKEN": "b"}, {}, "b"),
        ("[Webex]\nAccessToken=\nAccessTokenFile=token\n", {}, {}, "from-file"),
    ],
)
def test_the_stronger_source_of_a_secret_wins(
    loaded: Load,
    token_file: Path,
    text: str,
    environ: dict[str, str],
    flags: dict[str, str],
    found: str,
) -> None:
    assert token(loaded(text, environ, flags)) == found


def test_a_secret_and_its_file_in_one_source_are_refused(
    problems: Problems, token_file: Path
) -> None:
    assert problems(IN_FILE + "AccessTokenFile=token\n") == (
        "[Webex] AccessToken (webex-connector.cfg:2) and AccessTokenFile (webex-connector.cfg:3) "
        "are both set: expected one of them",
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty; write the secret into it"),
        (b"\n\n", "the file is empty; write the secret into it"),
        (b"x" * 70_000, "the file is larger than 64 KiB"),
        (b"\xff", "the file is not UTF-8 text"),
        (b"Bearer s3cr3t", "expected the token alone"),
        (None, "the file cannot be read (no such file or directory)"),
    ],
)
def test_a_secret_file_that_cannot_serve_is_named(
    problems: Problems, token_file: Path, content: bytes | None, told: str
) -> None:
    token_file.unlink()
    if content is not None:
        token_file.write_bytes(content)
        token_file.chmod(0o600)
    (problem,) = problems("[Webex]\nAccessTokenFile=token\n")
    assert problem.startswith('[Webex] AccessTokenFile (webex-connector.cfg:2) is "token": ' + told)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_a_secret_file_that_is_no_regular_one_is_refused_and_not_waited_for(
    problems: Problems, token_file: Path, kind: str
) -> None:
    token_file.unlink()
    if kind == "pipe":
        os.mkfifo(token_file)
    elif kind == "folder":
        token_file.mkdir()
    else:
        token_file.symlink_to("/dev/zero")
    (problem,) = problems("[Webex]\nAccessTokenFile=token\n")
    assert "it is no regular file; name one that holds the secret alone" in problem


def test_a_secret_file_that_others_can_read_warns(loaded: Load, token_file: Path) -> None:
    token_file.chmod(0o644)
    (warning,) = loaded("[Webex]\nAccessTokenFile=token\n").warnings
    assert "token can be read by all users of this machine; chmod 600" in warning


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (IN_FILE, 1),
        ("[Database]\nURL=postgresql://u:pw@h/d\n", 1),
        ("[Database]\nURL=postgresql://u@h/d\n", 0),
    ],
)
def test_a_configuration_file_with_secrets_that_others_can_read_warns(
    folder: Path, text: str, warned: int
) -> None:
    file = folder / "open.cfg"
    file.write_text(text)
    file.chmod(0o644)
    assert len(load(file, {}, {}).warnings) == warned


def test_a_token_sent_in_clear_over_the_network_warns(loaded: Load) -> None:
    flags = {"Webex.AccessToken": "t", "Webex.BaseURL": "http://example.com/v1"}
    assert "the access token travels in clear; use https" in loaded(flags=flags).warnings[0]
    flags["Webex.BaseURL"] = "http://127.0.0.1:9/v1"
    assert loaded(flags=flags).warnings == ()


def test_the_settings_as_shown_have_no_key_that_stands_in_an_address(loaded: Load) -> None:
    handler = "[H]\nLibraryName=HttpHandler\nURL=https://h/x?apikey=s3cr3t&b=s3#s3\n"
    settings = loaded(f"{handler}[Fetch]\nOnStart=H\n").settings
    text = shown.text(settings)
    assert "URL=https://h/x?apikey=***&b=***#***" in text and "s3" not in text
    assert "URL=sqlite:///" in text
    assert settings.handler("H").url.endswith("?apikey=s3cr3t&b=s3#s3"), "in use it is whole"


def test_no_secret_is_seen_in_any_form_meant_for_people(loaded: Load) -> None:
    flags = {"Webex.AccessToken": "s3cr3t", "Database.URL": "postgresql://u:s3cr3t@h/d"}
    result = loaded(flags=flags)
    settings = result.settings
    for text in (
        repr(result),
        str(settings),
        settings.model_dump_json(),
        f"{settings.dump_public()}",
    ):
        assert "s3cr3t" not in text
