"""TaskList and StopFetch, with an action that takes Fetch's place."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from connector.db import api_keys
from connector.jobs import claim, outcomes, reading
from connector.jobs.job import Job, Run
from connector.jobs.states import Requested
from tests import leases
from tests.aci.serving import Echo, Face, facing

WORKER = "00000000-0000-7000-8000-00000000000a"


class Fetch(Echo):
    name = "Fetch"

    def tasks_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(parameters["Word"].split("+"))


@pytest.fixture
def fetching(lone_url: str) -> Iterator[Face]:
    with facing(
        lone_url,
        actions={"Fetch": Fetch()},
        CONNECTOR_FETCHTASKS_0="Alpha",
        CONNECTOR_FETCHTASKS_1="Beta",
        CONNECTOR_ALPHA_INGESTERTYPE="null",
        CONNECTOR_BETA_INGESTERTYPE="null",
    ) as face:
        yield face


def sent(face: Face, tasks: str) -> str:
    return face.token(f"/action=Fetch&To=you&Word={tasks}")


def begun(face: Face, limit: int = 5) -> list[Run]:
    with leases.alive(face.database, WORKER):
        return face.database.run(claim.claim, "Fetch", WORKER, limit)


def asked(face: Face, token: str) -> Requested | None:
    found: dict[str, Job] = face.database.read(reading.get, [token])
    return found[token].requested


def listed(face: Face, target: str = "/action=TaskList") -> dict[str, dict[str, str]]:
    tasks = face.get(target).findall("responsedata/task")
    told = [{child.tag: child.text or "" for child in task} for task in tasks]
    return {task["name"]: task for task in told}


def stopped(data: ET.Element) -> dict[str, str]:
    return {
        action.findtext("token", ""): action.findtext("status", "")
        for action in data.findall("responsedata/actions/action")
    }


def test_tasks_are_listed_with_their_calls(fetching: Face) -> None:
    first = listed(fetching)
    assert list(first) == ["ALPHA", "BETA"]
    assert first["ALPHA"] == {"name": "ALPHA", "action": "Synchronize", "calls": "0"}
    sent(fetching, "ALPHA")
    (run,) = begun(fetching)
    assert list(listed(fetching)["ALPHA"]) == ["name", "action", "calls", "lastStartTime"]
    fetching.database.run(outcomes.finish, run, {})
    sent(fetching, "ALPHA%2BBETA")
    begun(fetching)
    tasks = listed(fetching)
    assert (tasks["ALPHA"]["calls"], tasks["BETA"]["calls"]) == ("2", "1")
    assert "lastFinishTime" in tasks["ALPHA"] and "lastFinishTime" not in tasks["BETA"]


@pytest.mark.parametrize(("queue", "told"), [("fetch", True), ("other", False)])
def test_tasks_are_told_to_a_key_that_is_good_for_fetch_alone(
    fetching: Face, queue: str, told: bool
) -> None:
    key = fetching.database.run(api_keys.create, "ci", ["Query"], [queue], "cli me")
    headers = {"Authorization": f"Bearer {key}"}
    reply = fetching.client.get("/action=TaskList", headers=headers).text
    assert ("ALPHA" in reply, "ERRORNOTPERMITTED" in reply) == (told, not told)


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ("MatchName=al*", ["ALPHA"]),
        ("matchname=?eta", ["BETA"]),
        ("MatchAction=collect", []),
        ("MatchAction=SYNC*&MatchName=*a", ["ALPHA", "BETA"]),
    ],
)
def test_a_list_of_tasks_may_be_narrowed(fetching: Face, match: str, names: list[str]) -> None:
    assert list(listed(fetching, f"/action=TaskList&{match}")) == names


def test_stop_fetch_stops_one_that_runs_and_takes_out_one_that_waits(fetching: Face) -> None:
    waits, runs = sent(fetching, "ALPHA"), sent(fetching, "BETA")
    fetching.get(f"/action=QueueInfo&QueueName=Fetch&QueueAction=Pause&Token={waits}")
    assert [run.token for run in begun(fetching)] == [runs]
    data = fetching.get(f"/action=StopFetch&Token={waits}")
    assert data.findtext("action") == "STOPFETCH"
    assert stopped(data) == {waits: "Cancelled"}
    assert stopped(fetching.get(f"/action=StopFetch&Token={runs}")) == {runs: "Processing"}
    assert asked(fetching, runs) is Requested.STOP


def test_stop_fetch_stops_what_runs_for_the_tasks_that_are_named(fetching: Face) -> None:
    alpha, beta = sent(fetching, "ALPHA"), sent(fetching, "BETA")
    assert {run.token for run in begun(fetching)} == {alpha, beta}
    waits = sent(fetching, "BETA")
    data = fetching.get("/action=StopFetch&TaskSections=beta")
    assert stopped(data) == {beta: "Processing"}
    assert [asked(fetching, token) for token in (alpha, beta, waits)] == [
        None,
        Requested.STOP,
        None,
    ]


def test_stop_fetch_alone_stops_all_that_run(fetching: Face) -> None:
    tokens = {sent(fetching, "ALPHA"), sent(fetching, "BETA")}
    begun(fetching)
    assert set(stopped(fetching.get("/action=StopFetch"))) == tokens


@pytest.mark.parametrize("wrong", ["Gamma", ",", "Alpha,Gamma", "Alpha&Token=1"])
def test_stop_fetch_never_takes_a_task_it_does_not_know_for_all(fetching: Face, wrong: str) -> None:
    runs = sent(fetching, "ALPHA")
    begun(fetching)
    error = fetching.error(f"/action=StopFetch&TaskSections={wrong}")
    assert error["errorcode"] == "ERRORPARAMINVALID"
    assert "TaskSections" in error["errordescription"]
    assert asked(fetching, runs) is None


def test_stop_fetch_says_which_token_it_does_not_know(fetching: Face) -> None:
    error = fetching.error("/action=StopFetch&Token=00000000-0000-7000-8000-000000000000")
    assert error["errorcode"] == "ERRORTOKENUNKNOWN"
    assert error["errorid"] == "WEBEXCONNECTORSTOPFETCH511"


@pytest.mark.parametrize("name", ["Token", "TaskSections"])
def test_a_stop_of_nothing_that_is_named_is_refused(fetching: Face, name: str) -> None:
    token = sent(fetching, "ALPHA")
    begun(fetching)
    error = fetching.error(f"/action=StopFetch&{name}=")
    assert error["errorcode"] == "ERRORPARAMMISSING" and name in error["errordescription"]
    assert asked(fetching, token) is None
