"""Settings that a request brings: what may be set, what comes of it, and what is refused."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from connector.config import Settings, load
from connector.config import by_request as by
from connector.config.by_request import Refused, brought, merged, restored, settable
from connector.config.settings import SECTIONS, keys
from connector.config.values import form_of, setting_of

TASKS = ("ONE", "TWO")


def settings() -> Settings:
    environment = {
        "CONNECTOR_FETCHTASKS_0": "One",
        "CONNECTOR_FETCHTASKS_1": "Two",
        "CONNECTOR_FETCHTASKS_SWEEPDAYS": "3",
        "CONNECTOR_ONE_ROOMIDS": "a,b",
        "CONNECTOR_WEBEX_PAGESIZE": "7",
        "CONNECTOR_WEBEX_ACCESSTOKEN": "geheim",
    }
    return load(None, environment, {}).settings


def config(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def run_with(tasks: tuple[str, ...] = TASKS, /, **sent: str) -> Settings:
    return merged(settings(), tasks, brought(sent))[0]


def refusal(tasks: tuple[str, ...] = TASKS, /, **sent: str) -> Refused:
    with pytest.raises(Refused) as caught:
        run_with(tasks, **sent)
    return caught.value


def test_what_a_request_may_set_is_this_and_nothing_else() -> None:
    """A setting more wants a thought: what could a client do with it, and what stays of it?"""
    assert {name: [*settable(model)] for name, model in SECTIONS.items() if settable(model)} == {
        "Webex": ["PageSize", "TimeoutSeconds", "MaxRetries", "GiveUpAfterSeconds"],
        "FetchTasks": ["RoomIds", "RoomTypes", "SweepDays"],
    }


def test_nothing_that_is_a_path_or_a_secret_or_an_address_is_marked_as_settable() -> None:
    for model in SECTIONS.values():
        for key, name in settable(model).items():
            form = form_of(model.model_fields[name])
            assert not form.path and not form.secret
            assert not any(word in key for word in ("URL", "File", "Directory", "Ingest", "Token"))


def test_the_request_wins_over_config_and_that_over_the_server() -> None:
    text = config("[Webex]\nPageSize=50\nMaxRetries=1\n[fetchtasks]\nsweepdays=9\n[one]\nRoomIds=c")
    found = run_with(Config=text, **{"[WEBEX]pagesize": "60", "[Two] RoomTypes": "Group"})
    assert (found.webex.page_size, found.webex.max_retries) == (60, 1)
    one, two = found.tasks
    assert (one.sweep_days, one.room_ids, one.room_types) == (9, ("c",), "all")
    assert (two.sweep_days, two.room_ids, two.room_types) == (9, (), "group")


def test_all_else_stays_as_the_server_has_it_and_the_server_as_it_was() -> None:
    before = settings()
    found, _ = merged(before, TASKS, brought({"[Webex]PageSize": "60"}))
    assert before == settings() and before.hash != found.hash
    webex = found.webex.model_copy(update={"page_size": before.webex.page_size})
    assert found.model_copy(update={"webex": webex}) == before
    assert found.webex.access_token == before.webex.access_token


def test_a_tasks_section_wins_over_that_of_all_tasks_and_an_empty_value_is_the_default() -> None:
    text = config("[FetchTasks]\nSweepDays=9\nRoomIds=x\n[ONE]\nSweepDays=\n")
    one, two = run_with(Config=text).tasks
    assert (one.sweep_days, two.sweep_days) == (7, 9)
    assert (one.room_ids, two.room_ids) == (("x",), ("x",))
    assert run_with(**{"[ONE]RoomIds": ""}).tasks[0].room_ids == ()


def test_lists_repeat_their_key_and_of_other_keys_the_last_value_counts() -> None:
    text = config('[One]\nRoomIds=c\nRoomIds="d,e"\nSweepDays=1\nSweepDays="2"\n')
    one = run_with(Config=text).tasks[0]
    assert (one.room_ids, one.sweep_days) == (("c", "d,e"), 2)


@pytest.mark.parametrize(
    "form",
    [
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: base64.b64encode(data).decode().rstrip("="),
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: base64.b64encode(data).decode().replace("+", " "),
        lambda data: base64.encodebytes(data).decode(),
        lambda data: base64.b64encode(b"\xef\xbb\xbf" + data).decode(),
    ],
)
def test_either_alphabet_is_read_with_padding_and_without(form: Callable[[bytes], str]) -> None:
    text = "[Webex]\r\n// \u00fb\u00ff\u00be>>>???\r\nPageSize=50\r\n[ONE]\r\nRoomIds=" + "x" * 80
    sent = form(text.encode())
    assert run_with(Config=sent).webex.page_size == 50


def test_a_task_that_the_action_does_not_work_on_cannot_be_set_nor_a_new_one_invented() -> None:
    told = refusal(("ONE",), **{"[Two]SweepDays": "1"})
    assert told.parameter == "[Two]SweepDays"
    assert "[Two] SweepDays is not a setting that a request may bring" in str(told)
    assert "expected a key of [Webex] or [FetchTasks] or [ONE]" in str(told)
    for text in ("[FetchTasks]\nNumber=3\n", "[FetchTasks]\n2=New\n", "[New]\nSweepDays=1\n"):
        assert refusal(Config=config(text)).parameter == "Config"


def every_other_setting() -> list[tuple[str, str]]:
    """Return every setting there is that a request may not set, files of secrets included."""
    found = []
    for section, model in SECTIONS.items():
        for name, key in keys(model).items():
            setting = setting_of(model.model_fields[name])
            if setting is None or setting.by_request:
                continue
            found.append((section, key))
            if form_of(model.model_fields[name]).secret:
                found.append((section, key + "File"))
            if section == "FetchTasks":
                found.append(("ONE", key))
    return found


@pytest.mark.parametrize(("section", "key"), every_other_setting())
def test_no_other_setting_of_the_server_can_be_set(section: str, key: str) -> None:
    """Among them the URL that the server's token is sent to, paths, files and secrets."""
    for sent in (
        {"Config": config(f"[{section.upper()}]\n{key.lower()}=/etc/passwd\n")},
        {f"[{section}]{key}": "/etc/passwd"},
    ):
        told = refusal(**sent)
        assert key.lower() in str(told).lower() and section.lower() in str(told).lower()
        assert "is not a setting that a request may bring; expected" in str(told)
        assert told.parameter in sent and "passwd" not in str(told)


@pytest.mark.parametrize(
    "text",
    [
        '< "{}"',
        '< "{}" [Webex]',
        '[Webex] < "{}"',
        '[Webex]\n< "{}" [Webex] PageSize',
        '[Webex]\n\t < "{}" [Webex] Page*=50',
        '[ONE] < "{}" [Webex]',
    ],
)
def test_a_config_includes_no_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.cfg"
    file.write_text("[Webex]\nPageSize=50\n")
    told = str(refusal(Config=config(text.format(file))))
    assert "includes another file; send a text that stands alone" in told
    assert str(tmp_path) not in told


def test_neither_the_environment_nor_a_file_is_meant_by_a_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONNECTOR_WEBEX_PAGESIZE", "50")
    for value in ("$CONNECTOR_WEBEX_PAGESIZE", "%CONNECTOR_WEBEX_PAGESIZE%", "@/etc/hostname"):
        assert "cannot be this value" in str(refusal(**{"[Webex]PageSize": value}))
    assert run_with(**{"[ONE]RoomIds": "@/etc/hostname"}).tasks[0].room_ids == ("@/etc/hostname",)


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("[Webex]PageSize", "s3cr3t", "[Webex] PageSize cannot be this value; expected a whole"),
        ("[Webex]PageSize", "1001", "at least 1, at most 1000"),
        ("[one]roomtypes", "s3cr3t", "[one] RoomTypes cannot be this value; expected one of"),
        ("[FetchTasks]SweepDays", "s3cr3t", "[FetchTasks] SweepDays cannot be this value"),
        ("[FetchTasks]RoomIds", '"s3cr3t', "expected a list separated by commas"),
        ("[Webex]PageSizes", "s3cr3t", "[Webex] PageSizes is not a setting"),
        ("[Nothing]PageSize", "s3cr3t", "[Nothing] PageSize is not a setting"),
        ("[Webex]", "s3cr3t", "expected a setting named [Section]Key"),
        ("[Webex", "s3cr3t", "expected a setting named [Section]Key"),
        ("[]PageSize", "s3cr3t", "expected a setting named [Section]Key"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right_and_no_value(
    parameter: str, value: str, said: str
) -> None:
    told = refusal(**{parameter: value})
    assert said in str(told) and told.parameter == parameter
    assert "s3cr3t" not in str(told)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("s3cr3t!", "as base64"),
        ("s3cr=3t", "as base64"),
        ("abcde", "as base64"),
        (base64.b64encode(b"\xff\xfe").decode(), "in UTF-8"),
        (config("[Webex]\ns3cr3t"), "line:2: has no '='"),
        (config("[Webex] s3cr3t=1"), "line:1: this stands after a heading"),
        (config("[Webex s3cr3t"), "line:1: this is not a section heading"),
        (config("[Webex]\nPageSize=s3cr3t\0"), "has a NUL byte"),
        (config("PageSize=s3cr3t"), "stands before any section"),
        (config("[Webex]\nPageSize=s3cr3t"), "[Webex] PageSize cannot be this value"),
    ],
)
def test_a_config_that_cannot_be_read_is_told_without_what_stands_in_it(
    sent: str, said: str
) -> None:
    told = refusal(Config=sent)
    assert said in str(told) and told.parameter == "Config"
    assert "s3cr3t" not in str(told)


def test_what_is_brought_has_a_bound() -> None:
    much = "x" * (by.MOST_BYTES + 1)
    for sent in (
        {"Config": "A" * 3 * by.MOST_BYTES},
        {"Config": config(f"[ONE]\nRoomIds={much}")},
        {"[ONE]RoomIds": much},
        {"[ONE]RoomIds": much[: by.MOST_BYTES // 2], "[TWO]RoomIds": much[: by.MOST_BYTES // 2]},
    ):
        assert str(refusal(**sent)) == "expected at most 64 KiB of settings with a request"


def test_what_is_stored_is_the_same_however_it_was_sent_and_makes_the_same_settings() -> None:
    one = {"Config": config("[webex]\nPAGESIZE=50\n[ONE]\nSweepDays=1\nRoomIds=c\nRoomIds=d")}
    other = {"Config": config("[one]\nRoomIds=c\nroomids=d\n"), "[Webex]PageSize": "50"}
    made, stored = merged(settings(), TASKS, brought(one))
    of_one = {"RoomIds": ["c", "d"], "SweepDays": ["1"]}
    assert stored == {"ONE": of_one, "Webex": {"PageSize": ["50"]}}
    same = merged(settings(), TASKS, brought({**other, "[One]SweepDays": "1"}))[1]
    assert same == stored and repr(same) == repr(stored)
    assert merged(settings(), TASKS, restored(stored)) == (made, stored)


@pytest.mark.parametrize("stored", [None, 1, "text", ["a"], {"Webex": 1}, {"Webex": {"a": 1}}])
def test_what_is_stored_is_looked_at_again_where_it_runs(stored: object) -> None:
    with pytest.raises(Refused, match="damaged"):
        restored(stored)
    forged = restored({"Webex": {"BaseURL": ["https://elsewhere.example"]}})
    with pytest.raises(Refused, match="BaseURL"):
        merged(settings(), TASKS, forged)
    with pytest.raises(Refused, match=r"\[GONE\] is not a task of this server"):
        merged(settings(), ("GONE",), [])


@trying(deadline=None)
@given(st.dictionaries(st.text(max_size=40), st.text(max_size=200), max_size=5), st.binary())
def test_whatever_is_sent_it_is_taken_or_refused(sent: dict[str, str], data: bytes) -> None:
    for given_config in (base64.b64encode(data).decode(), data.decode("latin-1")):
        try:
            found, _ = merged(settings(), TASKS, brought({**sent, "Config": given_config}))
        except Refused:
            continue
        assert found.webex.base_url == settings().webex.base_url
