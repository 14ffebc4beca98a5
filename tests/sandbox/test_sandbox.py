"""The stand-in behaves as the Webex API does, and the same for the same seed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import psutil
import pytest

from connector.sandbox.process import SandboxError, SandboxProcess

Json = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(rooms=5, messages=200, files=4, throttle_every=0) as running:
        yield running


def get(sandbox: SandboxProcess, path: str, token: str = "", **query: Any) -> httpx2.Response:
    url = path if path.startswith("http") else f"{sandbox.base_url}/{path}"
    headers = {"authorization": f"Bearer {token or sandbox.token}"}
    given = {name: str(value) for name, value in query.items()}
    return httpx2.get(url, headers=headers, params=given or None, trust_env=False, timeout=10)


def walk(sandbox: SandboxProcess, path: str, **query: Any) -> list[list[Json]]:
    """Return the pages of a list by their Link headers."""
    reply = get(sandbox, path, **query)
    pages = [reply.json()["items"]]
    while "next" in reply.links:
        reply = get(sandbox, reply.links["next"]["url"])
        pages.append(reply.json()["items"])
    return pages


def everything(sandbox: SandboxProcess) -> list[Json]:
    """Return every message, rooms in their order, newest first."""
    rooms = [room for page in walk(sandbox, "rooms") for room in page]
    return [
        message
        for room in rooms
        for page in walk(sandbox, "messages", roomId=room["id"], max=100)
        for message in page
    ]


def test_the_same_seed_gives_the_same_content() -> None:
    seen = []
    for _ in range(2):
        with SandboxProcess(seed=3, rooms=3, messages=40, files=5, throttle_every=0) as running:
            messages = everything(running)
            files = [get(running, url).content for m in messages for url in m.get("files", ())]
            text = repr(messages).replace(running.base_url, "")
            seen.append((text, files))
    assert seen[0] == seen[1] and seen[0][1]


def test_pages_follow_one_another_without_gap_or_double(sandbox: SandboxProcess) -> None:
    room = get(sandbox, "rooms").json()["items"][0]["id"]
    whole = [m["id"] for page in walk(sandbox, "messages", roomId=room, max=1000) for m in page]
    for size in (1, 7, 39, 40, 41):
        pages = walk(sandbox, "messages", roomId=room, max=size)
        assert [m["id"] for page in pages for m in page] == whole
        assert all(len(page) == size for page in pages[:-1])
    below = get(sandbox, "messages", roomId=room, beforeMessage=whole[4], max=3).json()["items"]
    assert [m["id"] for m in below] == whole[5:8]
    dated = get(sandbox, f"messages/{whole[4]}").json()["created"]
    before = get(sandbox, "messages", roomId=room, before=dated, max=3).json()["items"]
    assert [m["id"] for m in before] == whole[5:8]


def test_there_is_what_a_real_organisation_has(sandbox: SandboxProcess) -> None:
    rooms = [room for page in walk(sandbox, "rooms", max=2) for room in page]
    assert {room["type"] for room in rooms} == {"direct", "group"}
    messages = everything(sandbox)
    by_id = {message["id"]: message for message in messages}
    replies = [m for m in messages if "parentId" in m]
    assert replies and all(by_id[m["parentId"]]["created"] < m["created"] for m in replies)
    assert any("mentionedPeople" in m for m in messages)
    assert any("updated" in m for m in messages)
    text = "".join(message.get("text", "") for message in messages)
    assert any(ord(character) > 0xFFFF for character in text), "emoji"
    assert any("\u0400" <= character <= "\u04ff" or character > "\u3000" for character in text)
    kinds = {
        get(sandbox, url).headers["content-type"] for m in messages for url in m.get("files", ())
    }
    assert len(kinds) >= 4
    expected = sandbox.expected()
    assert (expected["rooms"], expected["messages"]) == (len(rooms), len(messages))
    assert expected["files"] == sum(len(m.get("files", ())) for m in messages)


def test_errors_look_as_those_of_webex(sandbox: SandboxProcess) -> None:
    for path, token, status in (
        ("rooms", "wrong", 401),
        ("rooms/nothing", "", 404),
        ("messages/nothing", "", 404),
        ("messages", "", 400),
        ("nowhere", "", 404),
    ):
        reply = get(sandbox, path, token)
        assert reply.status_code == status
        assert reply.json()["message"] and reply.json()["trackingId"]


def test_now_and_then_it_asks_for_patience() -> None:
    with SandboxProcess(throttle_every=5, retry_after=1) as running:
        statuses = [get(running, "people/me").status_code for _ in range(12)]
        assert statuses.count(429) == 2
        while (reply := get(running, "people/me")).status_code == 200:
            pass
        assert reply.headers["retry-after"] == "1" and reply.json()["trackingId"]
        assert get(running, "people/me").status_code == 200, "repeated, it succeeds"


def test_edits_and_deletions_leave_the_rooms_activity_and_news_move_it() -> None:
    with SandboxProcess(rooms=1, messages=10, files=0, throttle_every=0) as running:
        room = get(running, "rooms").json()["items"][0]
        messages = everything(running)
        running.control("edit-message", id=messages[3]["id"], text="edited")
        running.control("delete-message", id=messages[0]["id"])
        now = everything(running)
        assert len(now) == 9 and now[2]["text"] == "edited" and now[2]["updated"]
        assert get(running, f"rooms/{room['id']}").json() == room
        added = running.control("add-message", roomId=room["id"], text="new", files=2)
        moved = get(running, f"rooms/{room['id']}").json()
        assert moved["lastActivity"] == added["created"] > room["lastActivity"]
        assert get(running, added["files"][1]).content
        running.control("remove-room", id=room["id"])
        assert get(running, "messages", roomId=room["id"]).status_code == 404


def test_files_can_be_infected_unscannable_or_still_scanned() -> None:
    with SandboxProcess(messages=20, files=5, scan_files=True, throttle_every=0) as running:
        urls = [url for m in everything(running) for url in m.get("files", ())]
        assert [get(running, urls[0]).status_code for _ in range(2)] == [423, 200]
        running.control("infect", url=urls[1])
        running.control("unscannable", url=urls[2])
        assert get(running, urls[1]).status_code == 410
        assert get(running, urls[2]).status_code == 428
        with pytest.raises(SandboxError):
            running.control("infect", url="http://nowhere/x")
        with pytest.raises(SandboxError):
            running.control("edit-message", id="nothing", text="x")
        running.control("reset-requests")
        get(running, "people/me")
        assert running.requests()["endpoints"] == {"people/me": 1}


def test_a_hundred_thousand_messages_are_there_at_once() -> None:
    with SandboxProcess(rooms=100, messages=100_000, throttle_every=0) as running:
        room = get(running, "rooms").json()["items"][0]["id"]
        page = get(running, "messages", roomId=room, max=1000).json()["items"]
        assert len(page) == 1000


def test_it_ends_when_asked_and_with_whoever_started_it() -> None:
    command = [sys.executable, "-m", "connector", "sandbox", "--port", "0"]
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert "http://127.0.0.1:" in child.stdout.readline()
            child.send_signal(number)
            assert child.wait(10) == 0
    code = (
        "import os, signal\nfrom connector.sandbox.process import SandboxProcess\n"
        "with SandboxProcess() as s:\n print(s.pid, flush=True)\n"
        " os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(out)).wait(10)
    assert not psutil.pid_exists(int(out))


def test_a_port_in_use_is_told_in_a_sentence(sandbox: SandboxProcess) -> None:
    port = sandbox.base_url.rpartition(":")[2].partition("/")[0]
    command = [sys.executable, "-m", "connector", "sandbox", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 2 and "--port" in done.stderr and "Traceback" not in done.stderr
