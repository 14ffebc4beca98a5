"""The service actions, over real sockets."""

import asyncio
import base64
import sys
import threading
import xml.etree.ElementTree as ET

import httpx2
import pytest

import connector
from connector.service.apart import Apart, Busy
from tests.commands import Program
from tests.service.conftest import Service, service_of


def refused(service: Service, query: str) -> ET.Element:
    """Send what is refused, and return its error."""
    answer = service.get(query)
    assert answer.status_code == 200
    root = ET.fromstring(answer.content)
    assert root.findtext("response") == "ERROR"
    error = root.find("responsedata/error")
    assert error is not None
    return error


def sent(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_every_action_of_the_service_port_answers(service: Service) -> None:
    # One server for all that needs no settings: starting one takes a second.
    status(service)
    info(service)
    statistics(service)
    streams(service)
    what_is_refused(service)
    texts_are_checked(service)


def status(service: Service) -> None:
    root = ET.fromstring(service.get("action=GetStatus").content)
    assert [(child.tag, child.text) for child in root] == [
        ("ACTION", "GETSTATUS"),
        ("RESPONSE", "Running"),
        ("RESPONSEDATA", None),
    ]
    told = service.get("?a=getstatus&ResponseFormat=JSON").json()["autnresponse"]
    assert told["RESPONSE"] == {"$": "Running"}
    told = service.get("a=GetStatus&responseformat=simplejson").json()["autnresponse"]
    assert told == {"ACTION": "GETSTATUS", "RESPONSE": "Running", "RESPONSEDATA": ""}


def info(service: Service) -> None:
    data = service.ask("action=GetStatusInfo")
    assert data.findtext("version") == connector.__version__
    assert service.url == f"http://127.0.0.1:{data.findtext('serviceport')}/"
    assert service.serving.url == f"http://127.0.0.1:{data.findtext('aciport')}/"
    pids = {process.get("name"): process.get("pid") for process in data.iter("process")}
    assert pids["supervisor"] == str(service.serving.process.pid)
    assert set(pids) == {"supervisor", "http 1", "worker 1"}


def statistics(service: Service) -> None:
    for _ in range(5):
        service.serving.ask("GetVersion")
    data = service.ask("action=GetStatistics")
    found = {each.get("name"): each.attrib for each in data}
    assert len(found) == 1 + 4 * 4
    assert float(found["24HourRequests"]["value"]) <= 5
    assert found["60SecondResponseAverage"]["metric"] == "9"
    assert {each.tag.rpartition("}")[2] for each in data} == {"stat"}


def streams(service: Service) -> None:
    names = [each.text for each in service.ask("a=GetLogStreamNames").iter("logstream")]
    assert names == ["all", "supervisor", "http 1", "worker 1", "slots"]
    data = service.ask("a=GetLogStream&Name=HTTP%201&Tail=5")
    assert data.findtext("name") == "http 1"


def what_is_refused(service: Service) -> None:
    assert refused(service, "a=Fetch").findtext("errorcode") == "ERRORNOTIMPLEMENTED"
    assert refused(service, "a=GetLogStream").findtext("errorcode") == "ERRORPARAMMISSING"
    for query in ("a=GetLogStream&Name=../etc", "a=GetLogStream&Name=all&Tail=-1"):
        assert refused(service, query).findtext("errorcode") == "ERRORPARAMINVALID"
    error = refused(service, "a=ValidateConfig&Config=%25")
    assert error.findtext("errorcode") == "ERRORPARAMINVALID"


def texts_are_checked(service: Service) -> None:
    right = service.ask(f"a=ValidateConfig&Config={sent('[Server]' + chr(10) + 'Port=7')}")
    assert right.findtext("valid") == "true"
    wrong = service.ask(f"a=ValidateConfig&Config={sent('[Server]' + chr(10) + 'Port=seven')}")
    assert wrong.findtext("valid") == "false"
    problem = wrong.findtext("problems/problem", "")
    assert problem.startswith('[Server] Port (Config:2) is "seven": expected a whole number')
    long = service.get(f"a=ValidateConfig&Config={sent('//' + 48_000 * 'x')}")
    assert "<valid>true" in long.text, "a text of some size is checked"


@pytest.mark.parametrize(
    "text",
    [
        '< "/etc/passwd"',
        '[Server]\n  < "/etc/passwd" [A]',
        '[Server] < "/etc/passwd"',
        "[Webex]\nAccessTokenFile=/etc/passwd",
        "[Webex]\naccesstokenfile=/etc/passwd",
        "[H]\nLibraryName=HttpHandler\nURL=http://x/\nUserName=b\nPasswordFile=/etc/passwd\n"
        "[Fetch]\nOnStart=H",
        "[Database]\nSlotURLFile=/etc/passwd",
        "[TLS]\nSSLCertificate=/etc/passwd\nSSLPrivateKeyPasswordFile=/etc/passwd\n"
        "[Server]\nSSLConfig=TLS",
        '\N{BYTE ORDER MARK}< "/etc/passwd"\n[Server] < "/etc/passwd"',
        '[Server]\r\n\t< "/etc/passwd"',
    ],
)
def test_a_text_that_is_sent_reaches_no_file(text: str) -> None:
    from connector.service.validation import check_text

    opened: list[str] = []
    _watching.append(opened)
    try:
        problems = check_text(text).problems
    finally:
        _watching.remove(opened)
    assert "file" in problems[-1] and "root:" not in str(problems)
    assert not [path for path in opened if "passwd" in path]


def test_no_key_of_a_text_that_is_sent_is_looked_up_as_a_file_or_as_a_user() -> None:
    from connector.config.load import setting_keys
    from connector.config.settings import NAMED, SECTIONS
    from connector.service.validation import check_text

    models = {**SECTIONS, **{name: model for name, (_, model) in NAMED.items()}}
    for name, model in models.items():
        for key in setting_keys(model):
            for place in ("/etc/passwd", "~nobody-of-that-name/x"):
                text = f"[{name}]\n{key}={place}\n[Fetch]\nOnStart=MyHandler\n"
                opened: list[str] = []
                _watching.append(opened)
                try:
                    told = check_text(text + ("[MyHandler]\n" if name != "MyHandler" else ""))
                finally:
                    _watching.remove(opened)
                assert not [path for path in opened if "passwd" in path or "nobody" in path], text
                assert "a user who exists" not in str(told), text


_watching: list[list[str]] = []
"""Who wants to know what is opened now."""


def _note_opened(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        for opened in _watching:
            opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)


def test_checks_that_hang_hold_up_nothing_and_are_no_more_than_two() -> None:
    release = threading.Event()

    async def asked() -> str:
        apart = Apart(2, 0.01)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await apart.run(release.wait)
        with pytest.raises(Busy):
            await apart.run(release.wait)
        assert await asyncio.to_thread(lambda: "free") == "free"
        release.set()
        while True:
            try:
                return await Apart.run(apart, lambda: "done")
            except (Busy, TimeoutError):
                await asyncio.sleep(0)

    assert asyncio.run(asyncio.wait_for(asked(), 10)) == "done"


def test_what_goes_wrong_in_a_check_is_raised() -> None:
    async def asked() -> None:
        await Apart(1, 5.0).run(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(asked())


def test_the_configuration_is_shown_with_secrets_masked_and_checked_as_it_is_now(
    program: Program,
) -> None:
    file = program.folder / "my.cfg"
    file.write_text("[Webex]\nAccessToken=geheim\n[Fetch]\nMaximumThreads=1\n")
    file.chmod(0o600)
    with program.running("serve", "--config", str(file), SERVICE_SERVICEPORT="0") as serving:
        service = service_of(serving)
        shown = service.ask("a=GetConfig").findtext("config", "")
        assert "AccessToken=***" in shown
        assert "geheim" not in service.get("a=GetConfig").text
        assert service.ask("a=ValidateConfig").findtext("valid") == "true"
        file.write_text("[Webex]\nAccessToken=geheim\n[Worker]\nLeaseSeconds=soon\n")
        data = service.ask("a=ValidateConfig")
        assert data.findtext("valid") == "false"
        assert "LeaseSeconds" in data.findtext("problems/problem", "")
        assert "geheim" not in ET.tostring(data, "unicode")


def test_stop_answers_and_then_ends_the_whole_server_in_order(service: Service) -> None:
    family = service.serving.family()
    assert service.ask("action=Stop").findtext("stopping") == "true"
    assert service.serving.process.wait(30) == 0
    assert not [process for process in family if process.is_running()]


def test_a_page_of_another_site_is_refused(service: Service) -> None:
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert "ERRORFOREIGN" in service.get("action=Stop", **headers).text
        assert service.get("metrics", **headers).status_code == 403
    assert service.get("livez", **{"sec-fetch-site": "none"}).status_code == 200
    local = service.url.replace("127.0.0.1", "localhost")
    assert httpx2.get(local + "livez", trust_env=False).status_code == 200


def test_without_a_port_there_is_no_service_and_a_port_in_use_is_named(
    program: Program, service: Service
) -> None:
    port = service.url.rpartition(":")[2].strip("/")
    other = program.folder / "other"
    other.mkdir()
    run = Program(program.command, other, program.python_path).run
    assert run("migrate").returncode == 0
    done = run("serve", SERVER_PORT="0", SERVICE_SERVICEPORT=port)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "[Service] ServicePort" in done.stderr


def test_settings_of_a_request_stand_in_no_figure_and_in_no_line_of_the_log(
    program: Program,
) -> None:
    tasks = {"FETCHTASKS_0": "ONE", "WEBEX_BASEURL": "http://127.0.0.1:1/v1", "SERVER_WORKERS": "0"}
    with program.running("serve", SERVICE_SERVICEPORT="0", **tasks) as serving:
        service = service_of(serving)
        fetch = {"FetchAction": "Synchronize", "[One]RoomIds": "Zimmer"}
        assert serving.ask("Fetch", **fetch).findtext("token")
        assert serving.ask("Fetch", **fetch, **{"[Webex]PageSize": "geheim"}).find("error")
        told = [service.get("metrics").text]
        told += [service.get(f"a=GetLogStream&Name={name}").text for name in ("all", "http+1")]
        told += [service.get("a=GetStatistics").text, serving.errors.read_text()]
        for text in told:
            assert "Zimmer" not in text and "geheim" not in text
        assert "FETCH" in told[0]
