"""Where events go: HTTP servers, files, functions of installed packages."""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import psutil
import pytest

from connector.config.handlers import HandlerSettings
from connector.db.engine import Database
from connector.worker.delivering import Deliverer
from connector.worker.notices import Notice
from connector.worker.outside import Outside
from connector.worker.targets import Away, Http, NotDelivered, TextFile
from tests.worker.listener import Listener
from tests.worker.telling import over, put, rows, settings, until


def test_an_event_is_posted_as_getstatus_would_tell_and_with_an_id_to_know_it_by(
    file: Database, tmp_path: Path, listener: Listener
) -> None:
    http = {"LibraryName": "HttpHandler", "URL": listener.url, "UserName": "u", "Password": "p"}
    deliverer = Deliverer(file, settings(tmp_path, {"H": http}))
    (token,) = put(file, "H")
    until("it is delivered", over(file, 1), deliverer)
    deliverer.stop(5.0)
    ((path, headers, body),) = listener.requests
    (row,) = rows(file)
    assert row.delivered_at is not None and row.attempts == 0
    assert path == "/events" and headers["authorization"].startswith("Basic ")
    assert (headers["event-id"], headers["event-type"]) == (row.event_id, "OnStart")
    assert headers["content-type"].startswith("text/xml")
    document = ET.fromstring(body)
    assert document.findtext("action") == "QUEUEINFO"
    assert document.findtext("responsedata/actions/action/token") == token
    assert document.findtext("responsedata/actions/action/status") == "Processing"
    assert document.findtext("responsedata/event/id") == row.event_id
    assert document.findtext("responsedata/event/type") == "OnStart"


@pytest.mark.parametrize("form", ["json", "simplejson"])
def test_the_body_may_be_json(
    file: Database, tmp_path: Path, listener: Listener, form: str
) -> None:
    http = {"LibraryName": "HttpHandler", "URL": listener.url, "Format": form}
    deliverer = Deliverer(file, settings(tmp_path, {"H": http}))
    (token,) = put(file, "H")
    until("it is delivered", over(file, 1), deliverer)
    deliverer.stop(5.0)
    ((_, headers, body),) = listener.requests
    data = json.loads(body)["autnresponse"]["responsedata"]
    (action,) = data["actions"]["action"]
    assert action["token"] == (token if form == "simplejson" else {"$": token})
    assert headers["content-type"] == "application/json"


TOLD = Notice("00000000-0000-7000-8000-000000000001", "OnStart", {"A": "b"}, {"queue": "T\n"})


def text_file(folder: Path, path: str) -> TextFile:
    return TextFile(HandlerSettings(library_name="textfilehandler", file_path=path), folder)


def test_each_event_is_a_line_of_the_file(tmp_path: Path) -> None:
    target = text_file(tmp_path, "of/T.jsonl")
    target.send(TOLD)
    target.send(TOLD)
    lines = (tmp_path / "of/T.jsonl").read_text().splitlines()
    assert [json.loads(x)["autnresponse"]["responsedata"] for x in lines] == [{"queue": "T\n"}] * 2


def test_what_was_cut_off_spoils_no_line_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"cut')
    text_file(tmp_path, "x").send(TOLD)
    first, second = (tmp_path / "x").read_text().splitlines()
    assert first == '{"cut' and json.loads(second)


@pytest.mark.parametrize("link", ["of", "of/x", "fifo"])
def test_a_link_out_of_the_folder_and_what_is_no_file_are_not_written(
    tmp_path: Path, link: str
) -> None:
    folder, outside = tmp_path / "events", tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    if link == "of":
        (folder / "of").symlink_to(outside)
    elif link == "of/x":
        (folder / "of").mkdir()
        (folder / "of/x").symlink_to(outside / "x")
    else:
        (folder / "of").mkdir()
        os.mkfifo(folder / "of/x")
    with pytest.raises(Away):
        text_file(folder, "of/x").send(TOLD)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Away), (429, Away), (404, NotDelivered), (302, NotDelivered)]
)
def test_an_answer_says_whether_the_target_or_the_event_is_at_fault(
    listener: Listener, status: int, kind: type[Exception]
) -> None:
    listener.answers = [status]
    http = Http(HandlerSettings(library_name="httphandler", url=listener.url))
    with pytest.raises(NotDelivered, match=str(status)) as raised:
        http.send(TOLD)
    assert type(raised.value) is kind
    http.send(TOLD)
    http.close()
    assert [path for path, _, _ in listener.requests] == ["/events"] * 2


HANDLERS = """
import os, sys, time
from pathlib import Path

def note(request, event):
    print("a handler may print")
    with open(Path(__file__).parent / "noted", "a") as file:
        print(event["type"], event["event_id"], sorted(request.items()), os.getpid(), file=file)

def refuse(request, event):
    raise ValueError("not today")

def hang(request, event):
    time.sleep(600)

def crash(request, event):
    os._exit(3)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with handlers, as other processes see it."""
    (tmp_path / "some_handlers.py").write_text(HANDLERS)
    info = tmp_path / "some_handlers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-handlers\nVersion: 1.0\n")
    names = ("note", "refuse", "hang", "crash")
    entries = "".join(f"{name} = some_handlers:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[webex_connector.event_handlers]\n{entries}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.getcwd()]))
    return tmp_path


def outside(name: str, seconds: float = 10.0) -> Outside:
    given = HandlerSettings(library_name="pythonhandler", entry_point=name, timeout_seconds=seconds)
    return Outside(given)


def test_a_function_of_a_package_is_called_in_one_process_of_its_own(package: Path) -> None:
    target = outside("note")
    target.send(TOLD)
    target.send(TOLD)
    pid = target.pid
    assert pid is not None and pid != os.getpid()
    line = f"OnStart {TOLD.event_id} [('A', 'b')] {pid}"
    assert (package / "noted").read_text().splitlines() == [line, line]
    target.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("name", "told"),
    [("refuse", "ValueError: not today"), ("crash", "its process died"), ("absent", "'absent'")],
)
def test_what_a_function_raises_and_what_it_breaks_means_that_it_did_not_take_the_event(
    package: Path, name: str, told: str
) -> None:
    target = outside(name)
    for _ in range(2):
        with pytest.raises(NotDelivered, match=told):
            target.send(TOLD)
    target.close()


def test_a_function_that_hangs_is_ended(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = outside("note", seconds=0.1)
    target.send(TOLD)
    target.close()
    monkeypatch.setattr("connector.worker.outside.BEGIN", 2.0)
    target = outside("hang", seconds=0.1)
    with pytest.raises(NotDelivered, match=r"did not return within 2\.1 s"):
        target.send(TOLD)
    assert target.pid is None
