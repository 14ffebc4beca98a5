"""An action that a separate package adds: sent over HTTP, killed and resumed, stopped."""

import signal
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.commands import Program, Serving
from tests.system.conftest import eventually

pytestmark = pytest.mark.xdist_group("installation")

LAST = 100


def fresh(environment: Path, folder: Path) -> Program:
    """Return the installed program with an empty database in a folder."""
    program = Program((str(environment / "bin/webex-connector"),), folder)
    assert program.run("migrate").returncode == 0
    return program


@pytest.fixture(scope="module")
def server(with_own_action: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A running server that has the action."""
    program = fresh(with_own_action, tmp_path_factory.mktemp("own-action"))
    with program.running("serve") as running:
        yield running


def sent(server: Serving, last: int) -> str:
    """Send Count and return its token."""
    token = server.ask("Count", To=str(last)).findtext("token")
    assert token is not None
    return token


def counted(server: Serving, token: str) -> int:
    """Return how far the running action tells that it has counted."""
    return int(server.status("Count", token).findtext("progress/counted", "0"))


def finished(server: Serving, token: str) -> ET.Element:
    """Wait until an action has finished and return its last status."""

    def ended() -> ET.Element | None:
        action = server.status("Count", token)
        return action if action.findtext("status") not in ("Queued", "Processing") else None

    action: ET.Element = eventually("the action ends", ended)
    assert action.findtext("status") == "Finished", ET.tostring(action)
    return action


def kill_slots(server: Serving) -> list[psutil.Process]:
    """Kill the processes in which actions run, and return them."""
    slots = [one for one in server.family() if "connector.worker.slot" in one.cmdline()]
    for slot in slots:
        slot.send_signal(signal.SIGKILL)
    return slots


def test_an_own_action_whose_process_is_killed_goes_on_from_its_checkpoint(
    server: Serving,
) -> None:
    token = sent(server, LAST)
    before = eventually("it tells its progress", lambda: counted(server, token))
    assert server.status("Count", token).findtext("status") == "Processing"
    assert kill_slots(server)
    action = finished(server, token)
    assert action.findtext("counted") == str(LAST)
    assert before <= int(action.findtext("begun_after", "")) < LAST


def test_an_own_action_is_stopped_and_stays_so(server: Serving) -> None:
    token = sent(server, 1_000_000)
    eventually("it runs", lambda: counted(server, token))
    server.ask("QueueInfo", QueueName="Count", QueueAction="Stop", Token=token)
    action = eventually(
        "it is stopped",
        lambda: (
            found
            if (found := server.status("Count", token)).findtext("status") != "Processing"
            else None
        ),
    )
    assert action.findtext("status") == "Stopped"
    assert action.findtext("counted") is None


def test_an_own_actions_parameters_are_checked_before_anything_is_stored(server: Serving) -> None:
    before = server.ask("QueueInfo", QueueName="Count", QueueAction="GetStatus")
    for wrong in ({}, {"To": "ten"}):
        error = server.ask("Count", **wrong).find("error")
        assert error is not None
        assert "To" in error.findtext("errordescription", "")
    after = server.ask("QueueInfo", QueueName="Count", QueueAction="GetStatus")
    assert len(after.findall("actions/action")) == len(before.findall("actions/action"))


def test_an_own_action_outlives_the_death_of_the_whole_server(
    with_own_action: Path, tmp_path: Path
) -> None:
    program = fresh(with_own_action, tmp_path)
    with program.running("serve") as first:
        token = sent(first, LAST)
        before = eventually("it tells its progress", lambda: counted(first, token))
        first.kill()
    with program.running("serve") as second:
        action = finished(second, token)
    assert action.findtext("counted") == str(LAST)
    assert before <= int(action.findtext("begun_after", "")) < LAST
