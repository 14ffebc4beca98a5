from collections.abc import Callable
from pathlib import Path

import pytest

from connector.config import ConfigError, Loaded, load
from connector.config.settings import LISTS, SECTIONS

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


def test_without_a_file_all_has_defaults_in_the_current_folder(folder: Path) -> None:
    result = load(None, {}, {})
    settings = result.settings
    assert settings.server.port == 7023
    assert settings.server.host == "127.0.0.1"
    assert settings.server.max_body_size == 16 * 1024 * 1024
    assert settings.paths.data_directory == folder / "data"
    assert settings.database.url.get_secret_value() == f"sqlite:///{folder}/data/connector.db"
    assert settings.webex.access_token is None
    assert settings.tasks == ()
    assert (result.warnings, result.sources, result.files) == ((), {}, ())


def test_the_file_gives_way_to_the_environment_and_that_to_flags(loaded: Load) -> None:
    text = "[Server]\nPort=1\nWorkers=2\nHttpProcesses=3\n"
    environ = {"CONNECTOR_SERVER_PORT": "4", "CONNECTOR_SERVER_WORKERS": "5"}
    result = loaded(text, environ, {"server.port": "6"})
    server = result.settings.server
    assert (server.port, server.workers, server.http_processes) == (6, 5, 3)
    assert result.sources == {
        "Server.Port": "flag server.port",
        "Server.Workers": "environment CONNECTOR_SERVER_WORKERS",
        "Server.HttpProcesses": "webex-connector.cfg:4",
    }


def test_an_empty_variable_is_as_good_as_none(loaded: Load) -> None:
    result = loaded("[Server]\nPort=1\n", {"CONNECTOR_SERVER_PORT": ""})
    assert result.settings.server.port == 1
    assert result.warnings == ()


def test_an_empty_value_in_the_file_means_the_default(loaded: Load) -> None:
    assert loaded("[Server]\nPort=\n").settings.server.port == 7023
    assert loaded('[Server]\nPort=""\n').settings.server.port == 7023


def test_an_empty_value_takes_back_an_included_one(loaded: Load) -> None:
    Path("shared.cfg").write_text("[Server]\nPort=1\n")
    assert loaded('[Server] < "shared.cfg"\nPort=\n').settings.server.port == 7023


def test_names_and_words_are_the_same_in_any_case(loaded: Load) -> None:
    settings = loaded("[LOGGING]\nlogformat=JSON\nLOGLEVEL=Info\n").settings
    assert (settings.logging.log_format, settings.logging.log_level) == ("json", "normal")
    assert settings.logging.level == 20


def test_the_file_may_be_named_by_argument_or_environment(folder: Path) -> None:
    (folder / "a.cfg").write_text("[Server]\nPort=1\n")
    (folder / "b.cfg").write_text("[Server]\nPort=2\n")
    environ = {"CONNECTOR_CONFIG": "b.cfg"}
    assert load(Path("a.cfg"), environ, {}).settings.server.port == 1
    result = load(None, environ, {})
    assert result.settings.server.port == 2
    assert (result.warnings, result.files) == ((), ("b.cfg",))


def test_a_named_file_that_is_not_there_is_a_problem(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.cfg: cannot be read: No such file"):
        load(Path("no.cfg"), {}, {})


def test_relative_paths_start_at_the_file_or_where_the_program_was_started(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "c.cfg").write_text("[Paths]\nDataDirectory=state\n")
    file = Path("etc/c.cfg")
    assert load(file, {}, {}).settings.paths.data_directory == folder / "etc" / "state"
    environ = {"CONNECTOR_PATHS_DATADIRECTORY": "here"}
    assert load(file, environ, {}).settings.paths.data_directory == folder / "here"


def test_the_home_folder_may_be_written_short(
    loaded: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    data = loaded("[Paths]\nDataDirectory=~/state\n").settings.paths.data_directory
    assert data == folder / "home" / "state"


def test_quotes_in_the_file_keep_blanks_and_those_of_the_environment_stay(loaded: Load) -> None:
    flags = {"Webex.AccessToken": '"token"'}
    settings = loaded('[Paths]\nDataDirectory=" a "\n', {}, flags).settings
    assert settings.paths.data_directory.name == " a "
    assert settings.webex.access_token is not None
    assert settings.webex.access_token.get_secret_value() == '"token"'


def test_an_included_value_gives_way_to_the_sections_own_without_a_warning(loaded: Load) -> None:
    Path("shared.cfg").write_text("[Ours]\nPort=1\nWorkers=2\n")
    result = loaded('[Server] < "shared.cfg" [Ours]\nPort=3\n')
    assert (result.settings.server.port, result.settings.server.workers) == (3, 2)
    assert result.sources["Server.Workers"] == "shared.cfg:3"
    assert result.warnings == ()
    assert result.files == ("webex-connector.cfg", "shared.cfg")


def test_a_key_set_twice_in_one_file_warns_and_the_last_counts(loaded: Load) -> None:
    result = loaded("[Server]\nPort=1\nPort=2\n")
    assert result.settings.server.port == 2
    assert result.warnings == (
        "[Server] Port is set more than once (webex-connector.cfg:2, webex-connector.cfg:3): "
        "the last counts",
    )


def test_an_actions_section_wins_over_the_common_one(loaded: Load) -> None:
    text = "[Actions]\nMaximumThreads=4\nMaxAttempts=5\n[fetch]\nMaximumThreads=1\n"
    environ = {"CONNECTOR_ACTIONS_MAXIMUMTHREADS": "9", "CONNECTOR_FETCH_GRACESECONDS": "0.5"}
    result = loaded(text, environ, actions=("Fetch", "Report"))
    fetch, report = result.settings.queue("FETCH"), result.settings.queue("Report")
    assert (fetch.maximum_threads, fetch.max_attempts, fetch.grace_seconds) == (1, 5, 0.5)
    assert (report.maximum_threads, report.max_attempts) == (9, 5)
    assert result.settings.queue("Unheard") == result.settings.actions
    assert result.warnings == ()


def test_an_action_of_an_outsider_may_have_a_section(loaded: Load) -> None:
    result = loaded("[Report]\nMaxAttempts=1\n", actions=("Fetch", "Report"))
    assert result.settings.queue("report").max_attempts == 1
    assert result.warnings == ()
    assert "is not a known section" in loaded("[Report]\nMaxAttempts=1\n").warnings[0]


def test_pauses_grow_from_the_second_rerun(loaded: Load) -> None:
    queue = loaded("[Actions]\nRetrySeconds=10\n").settings.actions
    assert [queue.retry_pause(n) for n in (0, 1, 2, 3, 4, 99)] == [0, 0, 10, 20, 40, 3600]
    slow = loaded("[Actions]\nRetrySeconds=7200\n").settings.actions
    assert [slow.retry_pause(n) for n in (2, 3)] == [7200, 7200]


OTHER = {
    "Server": ("Port", "1"),
    "SSL": ("SSLMethod", "TLSV1.3"),
    "Service": ("Access-Control-Allow-Origin", "https://app.example.com"),
    "Database": ("Schema", "other"),
    "Paths": ("DataDirectory", "/other"),
    "Actions": ("GraceSeconds", "1"),
    "Worker": ("LeaseSeconds", "9"),
    "Retention": ("FinishedDays", "7"),
    "Webex": ("MaxRetries", "1"),
    "Logging": ("LogLevel", "Error"),
    "Connector": ("EnableScheduledTasks", "false"),
}
"""A key of each section, and a value that is not its default."""


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in LISTS])
def test_each_section_is_read(loaded: Load, section: str) -> None:
    key, value = OTHER[section]
    given = loaded(f"[{section}]\n{key}={value}\n")
    assert getattr(given.settings, section.lower()) != getattr(loaded("").settings, section.lower())
    assert given.warnings == ()


def test_what_is_never_removed_says_so(loaded: Load) -> None:
    given = loaded("[Retention]\nFinishedDays=never\nFailedDays=0\n").settings.retention
    assert (given.finished_days, given.failed_days, given.stopped_days) == (None, 0.0, 30.0)


def test_each_kind_of_process_may_log_in_as_somebody_else(loaded: Load) -> None:
    server = "postgresql://{}:geheim-{}@db/connector"
    kinds = ("http", "worker", "slot")
    lines = [f"{kind.title()}URL={server.format(kind, kind)}" for kind in kinds]
    settings = loaded("\n".join(["[Database]", f"URL={server.format('u', 'u')}", *lines])).settings

    def given(kind: str) -> str:
        return settings.for_process(kind).dump_private()

    assert settings.database.login("operator") is None
    assert "geheim-http" in given("http") and "geheim-worker" not in given("http")
    assert "geheim-worker" in given("worker") and "geheim-slot" in given("worker")
    assert "geheim-slot" in given("slot")
    assert not [kind for kind in ("u", "http", "worker") if f"geheim-{kind}" in given("slot")]
    for kind in kinds:
        url = settings.for_process(kind).database.url.get_secret_value()
        assert url == server.format(kind, kind)
    assert "geheim" not in str(settings.dump_public())
    assert "geheim" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize("url", ["postgresql://db/x", "sqlite:////tmp/x.db"])
def test_all_processes_share_one_database(problems: Problems, url: str) -> None:
    other = "mariadb://slot:geheim@db/x" if url.startswith("postgresql") else url
    (problem,) = problems(f"[Database]\nURL={url}\nSlotURL={other}\n")
    assert problem.startswith("[Database] SlotURL is for ") and "geheim" not in problem
