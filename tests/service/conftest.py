"""Servers with a service port, as operators run them: real processes, real sockets."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.commands import Program, Serving, migrated


@dataclass(frozen=True)
class Service:
    """A running server: its processes, and where its service port is."""

    serving: Serving
    url: str

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Ask the service port."""
        return httpx2.get(self.url + path, headers=headers, trust_env=False, timeout=30)

    def ask(self, query: str) -> ET.Element:
        """Send a service action, and return its `responsedata`; it must succeed."""
        return _data(self.get(query))

    def ask_at(self, url: str, **headers: str) -> ET.Element:
        """The same for another port, with headers."""
        return _data(httpx2.get(url, headers=headers, trust_env=False, timeout=30))

    def metrics(self, part: str = "") -> dict[str, float]:
        """Return each series of `/metrics` as it is written, with its value."""
        answer = self.get(f"metrics?part={part}")
        assert answer.status_code == 200, answer.text
        lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
        pairs = (line.rpartition(" ") for line in lines)
        return {name.removeprefix("webex_connector_"): float(value) for name, _, value in pairs}


def _data(answer: httpx2.Response) -> ET.Element:
    root = ET.fromstring(answer.content)
    assert root.findtext("response") == "SUCCESS", ET.tostring(root)
    data = root.find("responsedata")
    assert data is not None
    return data


def service_of(serving: Serving) -> Service:
    """Return the service port that a server says it has."""
    assert serving.process.stdout is not None
    line = serving.process.stdout.readline().strip()
    found = re.fullmatch(r"webex-connector: service port on (http://.*/)", line)
    assert found, line
    return Service(serving, found[1])


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as it stands, with a migrated SQLite database in its folder."""
    return migrated(tmp_path)


@pytest.fixture
def service(program: Program) -> Iterator[Service]:
    """A server with a service port on a free one."""
    with program.running("serve", SERVICE_SERVICEPORT="0") as serving:
        yield service_of(serving)
