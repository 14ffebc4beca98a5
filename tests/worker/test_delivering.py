"""Delivery of events: tried again, given up, held up by nobody; marked by what came of it."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.db.engine import Database
from connector.jobs import deliveries, submit
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from connector.worker import lanes, lines
from connector.worker.delivering import Deliverer
from connector.worker.targets import Away, NotDelivered, Target
from tests.worker.listener import Listener
from tests.worker.telling import DEADLINE, Hanging, Taking, over, put, rows, settings, until


def test_what_is_not_taken_is_tried_again_and_the_id_stays_the_same(
    file: Database, tmp_path: Path, listener: Listener
) -> None:
    listener.answers = [500, 400, 302, 200]
    http = {"LibraryName": "HttpHandler", "URL": listener.url, "RetryInterval": "0.01"}
    deliverer = Deliverer(file, settings(tmp_path, {"H": http}))
    put(file, "H")
    until("it is delivered", over(file, 1), deliverer)
    deliverer.stop(5.0)
    assert len(listener.requests) == 4, "and no redirect was followed"
    assert len({headers["event-id"] for _, headers, _ in listener.requests}) == 1
    (row,) = rows(file)
    assert row.attempts == 3 and row.delivered_at is not None and row.error is None


@pytest.mark.parametrize(
    "limit", [{"Retries": "2"}, {"GiveUpSeconds": "0.05"}], ids=["tries", "age"]
)
def test_what_is_never_taken_is_given_up_with_a_mark_and_a_line_in_the_log(
    file: Database,
    tmp_path: Path,
    listener: Listener,
    limit: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener.answers = [404] * 99
    http = {"LibraryName": "HttpHandler", "URL": listener.url, "RetryInterval": "0.01"}
    deliverer = Deliverer(file, settings(tmp_path, {"H": {**http, **limit}}))
    put(file, "H")
    until("it is given up", over(file, 1), deliverer)
    deliverer.stop(5.0)
    (row,) = rows(file)
    assert row.given_up_at is not None and row.error == "it answered with the HTTP status 404"
    if "Retries" in limit:
        assert row.attempts == len(listener.requests) == 3
    assert "event given up" in caplog.messages


def test_a_target_that_is_away_is_left_alone_and_holds_up_no_other(
    file: Database, tmp_path: Path, listener: Listener
) -> None:
    gone = {"LibraryName": "HttpHandler", "URL": "http://127.0.0.1:1/", "RetryInterval": "60"}
    here = {"LibraryName": "HttpHandler", "URL": listener.url}
    deliverer = Deliverer(file, settings(tmp_path, {"Gone": gone, "Here": here}))
    put(file, *["Gone"] * 3, *["Here"] * 3)
    until("all are delivered", over(file, 3), deliverer)
    until("one is tried", lambda: any(row.attempts for row in rows(file)), deliverer)
    deliverer.turn(time.monotonic())
    deliverer.stop(5.0)
    assert [row.attempts for row in rows(file)] == [1, 0, 0, 0, 0, 0]


def test_old_events_of_a_target_that_is_away_are_given_up(file: Database, tmp_path: Path) -> None:
    gone = {"LibraryName": "HttpHandler", "URL": "http://127.0.0.1:1/", "GiveUpSeconds": "0.05"}
    deliverer = Deliverer(file, settings(tmp_path, {"Gone": {**gone, "RetryInterval": "0.01"}}))
    put(file, *["Gone"] * 3)
    until("all are given up", over(file, 3), deliverer)
    deliverer.stop(5.0)
    assert all(row.given_up_at for row in rows(file))


def test_a_handler_that_hangs_holds_up_no_other_and_is_tried_by_another_thread(
    file: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lanes, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(lines, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(lines, "SLACK", 0.0)
    text = {"LibraryName": "TextFileHandler", "FilePath": "x", "RetryInterval": "0.01"}
    hangs = {**text, "TimeoutSeconds": "0.01"}
    made: list[Hanging] = []
    taking = Taking()

    def hanging() -> Target:
        made.append(Hanging())
        return made[-1]

    targets: dict[str, Callable[[], Target]] = {"Hangs": hanging, "Here": lambda: taking}
    chosen = settings(tmp_path, {"Hangs": hangs, "Here": text})
    deliverer = Deliverer(file, chosen, targets)
    put(file, "Hangs", *["Here"] * 3)
    until("others are delivered", lambda: len(taking.taken) == 3, deliverer)
    hung = "handler hangs"
    until("as many hang as may", lambda: caplog.messages.count(hung) == lines.MOST_HUNG, deliverer)
    for _ in range(5):
        deliverer.turn(time.monotonic())
    assert len(made) == lines.MOST_HUNG
    for each in made:
        each.let_go = True
    until("one more has its turn", lambda: len(made) > lines.MOST_HUNG, deliverer)
    made[-1].let_go = True
    until("it is delivered at last", over(file, 4), deliverer)
    deliverer.stop(5.0)


def test_a_batch_goes_on_behind_what_is_refused_and_ends_where_the_target_is_away(
    file: Database, tmp_path: Path
) -> None:
    text = {"LibraryName": "TextFileHandler", "FilePath": "x"}
    taking = Taking()
    deliverer = Deliverer(file, settings(tmp_path, {"H": text}), {"H": lambda: taking})
    put(file, "H", "H")
    taking.refuse = NotDelivered("no")
    until("both are tried", lambda: [r.attempts for r in rows(file)] == [1, 1], deliverer)
    put(file, "H", "H")
    taking.refuse = Away("not now")
    until("one is tried", lambda: [r.attempts for r in rows(file)] == [1, 1, 1, 0], deliverer)
    deliverer.stop(5.0)


def test_the_end_of_a_worker_waits_for_what_is_under_way_and_gives_the_rest_back(
    file: Database, tmp_path: Path
) -> None:
    text = {"LibraryName": "TextFileHandler", "FilePath": "x"}
    entered, leave = threading.Event(), threading.Event()

    class Slow(Taking):
        def send(self, notice: Any) -> None:
            entered.set()
            leave.wait(DEADLINE)
            super().send(notice)

    slow = Slow()
    deliverer = Deliverer(file, settings(tmp_path, {"H": text}), {"H": lambda: slow})
    put(file, "H", "H", "H")
    deliverer.start()
    assert entered.wait(DEADLINE)
    threading.Timer(0.2, leave.set).start()
    deliverer.stop(DEADLINE)
    first, *others = rows(file)
    assert slow.taken == [first.event_id] and first.delivered_at is not None
    assert all(row.delivered_at is None and row.attempts == 0 for row in others)
    reopened = Database(file.engine.url.render_as_string(hide_password=False))
    assert reopened.read(deliveries.waiting, ["H"]) == {"H": 0.0}
    reopened.close()


def test_a_copy_of_another_deployments_data_tells_nobody(file: Database, tmp_path: Path) -> None:
    text = {"LibraryName": "TextFileHandler", "FilePath": "events.jsonl"}
    chosen = settings(tmp_path, {"H": text}, **{"Server.Environment": "test"})
    deliverer = Deliverer(file, chosen)
    put(file, "H")
    for _ in range(3):
        deliverer.turn(time.monotonic())
    deliverer.stop(DEADLINE)
    assert [row.attempts for row in rows(file)] == [0] and not (tmp_path / "events").exists()


def test_how_full_a_queue_is_gets_told_where_it_was_missed(file: Database, tmp_path: Path) -> None:
    text = {"LibraryName": "TextFileHandler", "FilePath": "events.jsonl"}
    chosen = settings(tmp_path, {"H": text}, **{"T.MaxQueueSize": "2", "T.OnQueueEvent": "H"})
    deliverer = Deliverer(file, chosen)
    file.run(submit.submit, [NewJob(new_token(), "T", {}) for _ in range(2)])
    path = tmp_path / "events" / "events.jsonl"
    until(
        "it is told", lambda: path.exists() and len(path.read_text().splitlines()) == 2, deliverer
    )
    deliverer.stop(DEADLINE)
    told = [json.loads(x)["autnresponse"]["responsedata"] for x in path.read_text().splitlines()]
    assert [each["queueEventType"] for each in told] == ["QueueFilling", "QueueFull"]
    assert told[0]["maxQueueSize"] == "2" and told[0]["event"]["queue"] == "T"
