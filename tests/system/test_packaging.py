"""The unit for systemd and the container file say what works: readiness, watchdog, the end."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.system.conftest import Server, eventually

UNIT = (ROOT / "packaging/webex-connector.service").read_text(encoding="utf-8")
CONTAINER = (ROOT / "packaging/Containerfile").read_text(encoding="utf-8")


@pytest.fixture(params=["sqlite"])
def server(server: Server) -> Server:
    return server


def test_the_service_manager_is_told_when_it_serves_moves_and_ends(
    server: Server, tmp_path: Path
) -> None:
    assert "Type=notify" in UNIT and "WatchdogSec=60" in UNIT
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        server.start("serve", NOTIFY_SOCKET=str(tmp_path / "notify"))
        told = [manager.recv(100)]
        while told[-1] != b"READY=1":
            assert told[-1] == b"WATCHDOG=1"
            told.append(manager.recv(100))
        assert server.ask("GetPid") is not None, "ready means that it answers"
        begun = time.monotonic()
        assert manager.recv(100) == b"WATCHDOG=1" and time.monotonic() - begun < 30
        assert server.process is not None
        server.process.terminate()
        eventually("it tells its end", lambda: manager.recv(100) == b"STOPPING=1")
        assert server.process.wait(30) == 0
        server.process = None


def test_the_time_to_stop_is_more_than_the_defaults_need() -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert found and int(found[1]) >= 5 + 5 + 15
    assert "KillMode=mixed" in UNIT and "Restart=always" in UNIT


def test_the_containers_health_check_tells_a_server_from_none(server: Server) -> None:
    found = re.search(r"CMD (\[.*\])\s*$", CONTAINER)
    assert found and "STOPSIGNAL SIGTERM" in CONTAINER
    python, *arguments = json.loads(found[1])
    assert python == "python"
    server.start("serve")
    port = server.address.rstrip("/").rpartition(":")[2]
    script = [sys.executable, *(a.replace(":7023/", f":{port}/") for a in arguments)]
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}

    def healthy() -> bool:
        return subprocess.run(script, env=environment, capture_output=True).returncode == 0

    eventually("it is healthy", healthy)
    assert server.end() == 0
    assert not healthy()
