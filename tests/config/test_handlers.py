"""Event handlers: sections that queues name, and what is wrong with them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.config import ConfigError, Loaded, Settings
from connector.config.handlers import HandlerSettings

Load = Callable[..., Loaded]

TEXT = """
[Actions]
OnFinish=ToFile
[Fetch]
OnError=ToHttp
[ToFile]
LibraryName=textFileHandler
FilePath=fetch/events.jsonl
[ToHttp]
LibraryName=HttpHandler
URL=https://example.com/events
UserName=u
Password=s3cr3t
RetryInterval=2
"""


PAGE = Path(__file__).parent.parent.parent / "docs/events.md"


def test_the_example_of_the_page_loads_without_a_warning(loaded: Load, folder: Path) -> None:
    (folder / "password").write_text("s3cr3t")
    (folder / "password").chmod(0o600)
    (example,) = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    secret = "/etc/webex-connector/pager.password"
    result = loaded(example.replace(secret, str(folder / "password")))
    assert secret in example and result.warnings == ()
    assert [each.name for each in result.settings.handlers] == ["Pager", "Journal"]


def test_a_queue_names_its_handlers_and_takes_those_of_all_queues_besides(loaded: Load) -> None:
    result = loaded(TEXT)
    queue = result.settings.queue("Fetch")
    assert (queue.on_finish, queue.on_error, queue.on_start) == ("ToFile", "ToHttp", "")
    file, http = result.settings.handlers
    assert (file.name, file.library_name, file.form) == ("ToFile", "textfilehandler", "simplejson")
    assert (http.name, http.url, http.form) == ("ToHttp", "https://example.com/events", "xml")
    assert result.warnings == ()


def test_the_environment_names_handlers_and_their_keys_too(loaded: Load) -> None:
    environ = {
        "CONNECTOR_FETCH_ONSTART": "mine",
        "CONNECTOR_MINE_LIBRARYNAME": "PythonHandler",
        "CONNECTOR_MINE_ENTRYPOINT": "x",
    }
    result = loaded(environ=environ)
    assert [h.entry_point for h in result.settings.handlers] == ["x"] and not result.warnings


def test_an_empty_name_takes_a_queue_out(loaded: Load) -> None:
    settings = loaded(TEXT.replace("OnError=ToHttp", "OnFinish=")).settings
    assert settings.queue("Fetch").on_finish == "" and settings.actions.on_finish == "ToFile"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("textFileHandler", "LuaHandler", "no Lua here; expected PythonHandler"),
        ("textFileHandler", "OtherHandler", "expected one of TextFileHandler"),
        ("LibraryName=textFileHandler", "", "has no LibraryName"),
        ("FilePath=fetch/events.jsonl", "", r"\[ToFile\] has no FilePath"),
        ("fetch/events.jsonl", "/etc/passwd", "inside \\[Paths\\] EventDirectory"),
        ("fetch/events.jsonl", "../events.jsonl", "inside \\[Paths\\] EventDirectory"),
        ("URL=https://example.com/events", "", "has no URL"),
        ("https://example", "ftp://example", "expected a URL such as"),
        ("https://example", "https://u:p@example", "set UserName and Password"),
        ("UserName=u", "", "expected both or none"),
        ("RetryInterval=2", "UseNTLMAuthentication=true", "there is no NTLM here"),
        ("[ToHttp]", "[Other]", r"there is no section \[ToHttp\]"),
        ("OnError=ToHttp", "OnError=Webex", "is a section of its own"),
        ("OnError=ToHttp", "OnError=a b", "expected the name of a section"),
        ("[Fetch]", "[Fetch]\nQueueEmptyingThreshold=0.9", "less than QueueFillingThreshold"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(
    loaded: Load, old: str, new: str, told: str
) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError, match=told):
        loaded(TEXT.replace(old, new))


def test_the_password_goes_to_workers_alone_and_is_never_shown(loaded: Load) -> None:
    settings = loaded(TEXT).settings
    assert settings.dump_public()["ToHttp"]["Password"] == "***"
    for kind, given in (("worker", "s3cr3t"), ("http", None), ("slot", None)):
        sent = Settings.handed_over(settings.for_process(kind).dump_private())
        password = sent.handlers[1].password
        assert (password and password.get_secret_value()) == given


def test_pauses_grow_up_to_an_hour() -> None:
    handler = HandlerSettings(retry_interval=2.0)
    assert [handler.pause(n) for n in (0, 1, 2, 3, 50)] == [2.0, 2.0, 4.0, 8.0, 3600.0]
