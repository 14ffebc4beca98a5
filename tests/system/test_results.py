"""A result of many megabytes, from an action's process to a client that reads it as it comes."""

import re
from pathlib import Path

import httpx2
import psutil

from connector.client import Client
from connector.jobs.states import State
from tests.system.conftest import Server

MANY = 20_000
"""Identifiers, of some 1,000 bytes each."""

TAG = re.compile(rb"<identifier [^>]*>x{1000}</identifier>")


def peak(process: psutil.Process, *, reset: bool = False) -> int:
    """Return the most bytes of memory that a process has had since its peak was reset."""
    if reset:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def received(server: Server, token: str) -> tuple[int, int]:
    """Return how many bytes GetResults answers, and how many identifiers."""
    asked = {"action": "QueueInfo", "QueueAction": "GetResults"}
    given = {**asked, "QueueName": "Test", "Token": token}
    size = count = 0
    rest = b""
    post = httpx2.stream("POST", server.address, data=given, trust_env=False, timeout=60)
    with post as reply:
        for chunk in reply.iter_raw():
            size += len(chunk)
            rest += chunk
            found = list(TAG.finditer(rest))
            count += len(found)
            rest = rest[found[-1].end() :] if found else rest
    assert rest.endswith(b"</autnresponse>\n") and b"<zone>here</zone>" in rest
    return size, count


def test_a_result_of_20_mb_is_cut_in_lists_and_sent_whole_when_asked_for(server: Server) -> None:
    # A lease that outlasts a busy machine: what is looked at here is not how it is kept.
    server.start("serve", CONNECTOR_WORKER_LEASESECONDS="30")
    token = server.submit("identifiers", Times=MANY)
    assert server.wait(token, State.FINISHED, seconds=60).attempt == 1
    with Client(server.address) as client:
        seen = client.status("Test", token)
        assert seen.cut and seen.element.findtext("zone") == "here"
        assert 0 < len(seen.element.findall("identifiers/identifier")) < MANY / 10
    (http,) = server.processes("connector.aci.server")
    assert received(server, token)[1] == MANY  # once, so that what is kept for ever is there
    before = peak(http, reset=True)
    size, count = received(server, token)
    assert count == MANY and size > 20_000_000
    assert peak(http) - before < size / 2
    assert server.end() == 0


def test_the_client_library_has_all_of_it(server: Server) -> None:
    server.start("serve", CONNECTOR_ACTIONS_MAXRESULTSIZE="8 KiB")
    token = server.submit("identifiers", Times=300)
    server.wait(token, State.FINISHED)
    with Client(server.address) as client:
        found = {element.tag: element for element in client.results("Test", token)}
    assert set(found) == {"identifiers", "zone"} and len(found["identifiers"]) == 300
    assert server.end() == 0
